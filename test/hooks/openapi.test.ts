import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { Compile } from 'typebox/schema'
import { silentLog } from '../../src/base/log.ts'
import { buildApp } from '../../src/hooks/app.ts'
import type { ControllerCalls } from '../../src/hooks/controller-calls.ts'
import { knownEvents } from '../../src/hooks/hook-bodies.ts'
import { HookInbox } from '../../src/hooks/hook-inbox.ts'
import { Metrics } from '../../src/hooks/metrics.ts'

interface Media {
  readonly schema: Record<string, unknown>
  readonly example?: unknown
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>
}
interface Operation {
  readonly summary?: string
  readonly tags?: readonly string[]
  readonly security?: readonly object[]
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> }
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, Media>> }>
  >
}
interface Description {
  readonly openapi: string
  readonly info: object
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

suite('the description of the API', () => {
  let app: FastifyInstance
  let description: Description
  const routes: string[] = []
  before(async () => {
    const clock = { now: () => 0, sleep: async () => undefined }
    const inbox = new HookInbox({ record: async () => undefined, clock, log: silentLog })
    const services = { clock, inbox, controller: {} as ControllerCalls, metrics: new Metrics() }
    app = buildApp(services, { apiTokenHash: null, serves: 'all', callsPerSecond: 1000 })
    app.addHook('onRoute', ({ method, url }) => {
      for (const each of [method].flat()) if (each !== 'HEAD') routes.push(`${each} ${url}`)
    })
    description = (await app.inject('/v1/openapi.json')).json()
  })
  after(() => app.close())

  const operations = () =>
    Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
    )

  test('is OpenAPI 3.1 with all routes, each with a summary, a tag that is explained, and answers', () => {
    assert.equal(description.openapi, '3.1.0')
    const tags = new Set([...description.tags.map(({ name }) => name), ...Object.keys(knownEvents)])
    assert.deepEqual(
      operations()
        .map(({ name }) => name)
        .sort(),
      routes.map((route) => route.replace(/:(\w+)/g, '{$1}')).sort(),
    )
    for (const { name, operation } of operations()) {
      assert.ok(operation.summary, name)
      assert.ok(operation.tags?.length && operation.tags.every((tag) => tags.has(tag)), name)
      assert.ok(
        Object.keys(operation.responses).some((status) => status.startsWith('2')),
        name,
      )
      for (const { description: text } of Object.values(operation.responses)) assert.ok(text, name)
    }
  })

  test('every event of the schedulers is in it', () => {
    for (const [scheduler, events] of Object.entries(knownEvents)) {
      for (const event of Object.keys(events)) assert.ok(description.paths[`/v1/hooks/${scheduler}/${event}`]?.['post'])
    }
  })

  test('its examples are what its schemas say, and the routes take them', async () => {
    let checked = 0
    for (const { name, operation } of operations()) {
      const { requestBody, responses } = operation
      for (const { content } of [requestBody, ...Object.values(responses)].filter((each) => each !== undefined)) {
        for (const media of Object.values(content ?? {})) {
          for (const example of examplesOf(media)) {
            assert.ok(Compile(media.schema).Check(example), `${name}: ${JSON.stringify(example)}`)
            checked += 1
          }
        }
      }
      const body = requestBody?.content['application/json']
      if (!name.includes('/hooks/') || !body) continue
      const [example] = examplesOf(body)
      assert.ok(example, `${name} has no example`)
      const url = name.replace('POST ', '').replace('{scheduler}', 'other').replace('{event}', 'thing')
      const answer = await app.inject({ method: 'POST', url, payload: example })
      assert.equal(answer.statusCode, 202, `${name}: ${answer.body}`)
    }
    assert.ok(checked >= 60, `only ${checked} examples`)
  })

  test('what needs no token of the API says so', () => {
    const open = operations().filter(({ operation }) => operation.security)
    assert.deepEqual(open.map(({ name }) => name).sort(), ['GET /v1/healthz', 'POST /v1/nodes/{id}/phase'])
  })
})

function examplesOf({ schema, example, examples }: Media): unknown[] {
  const inSchema = Array.isArray(schema['examples']) ? (schema['examples'] as unknown[]) : []
  const named = Object.values(examples ?? {}).map(({ value }) => value)
  return [...(example === undefined ? [] : [example]), ...named, ...inSchema]
}
