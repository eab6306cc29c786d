import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { Clock } from '../../../../src/base/clock.ts'
import { systemClock } from '../../../../src/base/clock.ts'
import { CausewayError } from '../../../../src/base/errors.ts'
import type { Host } from '../../../../src/base/host.ts'
import { type RestOptions, SlurmRest } from '../../../../src/hooks/schedulers/slurm/rest.ts'
import { SlurmScheduler } from '../../../../src/hooks/schedulers/slurm/scheduler.ts'
import { TokenFromSlurm, tokenFromFile } from '../../../../src/hooks/schedulers/slurm/token.ts'

const jwt = 'aaa.bbb-_.ccc'
const sample = (name: string) =>
  gunzipSync(readFileSync(new URL(`samples/${name}.json.gz`, import.meta.url))).toString('utf8')

/** A host on which scontrol prints tokens, a new one each time. */
function slurmHost(says: (call: number) => { code?: number; stdout?: string } = (call) => ({ stdout: `a.b.${call}` })) {
  const ran: string[][] = []
  const host: Host = {
    name: 'head',
    async exec(argv) {
      ran.push([...argv])
      return { code: 0, stdout: '', stderr: '', ...says(ran.length) }
    },
    async close() {},
  }
  return { host, ran }
}

suite('slurmrestd', () => {
  let folder: string
  let server: Server | undefined
  let rest: SlurmRest | undefined
  let forgotten: number
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-rest-'))
    forgotten = 0
  })
  afterEach(async () => {
    await rest?.close()
    server?.closeAllConnections()
    server?.close()
    server = undefined
    rmSync(folder, { recursive: true, force: true })
  })

  async function restOf(answer: RequestListener, options: Partial<RestOptions> = {}): Promise<SlurmRest> {
    const made = createServer(answer)
    server = made
    const path = options.url?.startsWith('unix:') ? options.url.slice(5) : null
    await new Promise<void>((resolve) =>
      path === null ? made.listen(0, '127.0.0.1', resolve) : made.listen(path, resolve),
    )
    const url = path === null ? `http://127.0.0.1:${(made.address() as AddressInfo).port}` : `unix:${path}`
    const tokens = { token: async () => jwt, forget: () => void forgotten++ }
    rest = new SlurmRest({ user: 'slurm', tokens, ...options, url })
    return rest
  }

  for (const where of ['tcp', 'unix'] as const) {
    test(`lists are read with user and token over ${where}`, async () => {
      const seen: unknown[] = []
      const options = where === 'unix' ? { url: `unix:${join(folder, 'rest.sock')}` } : {}
      const reader = await restOf((request, response) => {
        const { 'x-slurm-user-name': user, 'x-slurm-user-token': token } = request.headers
        seen.push([request.method, request.url, user, token])
        response.end('{"errors":[],"jobs":[]}')
      }, options)
      assert.equal(await reader.read('jobs'), '{"errors":[],"jobs":[]}')
      assert.deepEqual(seen, [['GET', '/slurm/v0.0.38/jobs', 'slurm', jwt]])
    })
  }

  test('a recorded queue is a snapshot, without a command', async () => {
    const reader = await restOf((request, response) => {
      response.end(sample(request.url?.endsWith('jobs') ? 'a-rest-jobs' : 'a-rest-nodes'))
    })
    const { host, ran } = slurmHost()
    const scheduler = new SlurmScheduler({ host, conf: '/x', clock: systemClock, rest: reader })
    const { jobs, nodes } = await scheduler.snapshot()
    assert.deepEqual([jobs.length, nodes.length, ran], [19, 10, []])
  })

  const refusals: readonly [string, number, string, string, number][] = [
    ['wants a token', 401, 'Authentication failure', 'Unauthorized', 1],
    ['forbids it', 403, 'Forbidden', 'Unauthorized', 1],
    ['speaks another version', 404, 'Unable find requested URL.', 'InvalidConfig', 0],
    // What 22.05 answers for an expired token, and when slurmctld is away.
    ['can not ask', 500, '{"errors":[{"error":"Unspecified error","errno":-1}],"nodes":[]}', 'SchedulerUnreachable', 1],
    ['is behind a proxy that can not reach it', 502, 'Bad Gateway', 'SchedulerUnreachable', 1],
  ]
  for (const [what, status, text, code, forgets] of refusals) {
    test(`when it ${what} (${status}), that is ${code}, and the token is no part of it`, async () => {
      const reader = await restOf((_, response) => response.writeHead(status).end(text))
      const error = await reader.read('nodes').then(assert.fail, (thrown: unknown) => thrown)
      assert.ok(error instanceof CausewayError)
      assert.equal(error.code, code)
      assert.equal(forgotten, forgets)
      assert.doesNotMatch(JSON.stringify([error.message, error.facts, String(error.cause)]), /aaa\.bbb/)
    })
  }

  test('where nothing listens it is unreachable', async () => {
    const reader = await restOf(() => undefined)
    server?.closeAllConnections()
    await new Promise((resolve) => server?.close(resolve))
    await assert.rejects(reader.read('jobs'), { code: 'SchedulerUnreachable', message: /ECONNREFUSED/ })
    const tokens = tokenFromFile(join(folder, 'none'))
    const nowhere = new SlurmRest({ url: `unix:${join(folder, 'none')}`, user: 'x', tokens })
    await assert.rejects(nowhere.read('jobs'), { code: 'InvalidConfig' })
  })

  test('a connection that breaks before the answer is unreachable', async () => {
    const reader = await restOf((request) => request.socket.destroy())
    await assert.rejects(reader.read('jobs'), { code: 'SchedulerUnreachable' })
  })

  test('an answer that is cut is no shorter queue', async () => {
    const reader = await restOf((_, response) => {
      response.writeHead(200, { 'content-length': 1000 })
      response.write('{"errors":[],"jobs":[]}', () => response.destroy())
    })
    await assert.rejects(reader.read('jobs'), { code: 'MalformedOutput', message: /cut/ })
  })

  test('an answer that is too long is given up', async () => {
    const reader = await restOf(
      (_, response) => {
        response.end('x'.repeat(1_000_000))
      },
      { limitBytes: 100_000 },
    )
    await assert.rejects(reader.read('jobs'), { code: 'MalformedOutput', message: /more than 100000 bytes/ })
  })
})

suite('tokens', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-token-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('a file is read anew each time, with or without what scontrol prints before', async () => {
    const path = join(folder, 'token')
    const source = tokenFromFile(path)
    await assert.rejects(source.token(), { code: 'InvalidConfig', message: /tokenFile.*ENOENT/ })
    for (const text of [`${jwt}\n`, `SLURM_JWT=${jwt}`]) {
      writeFileSync(path, text)
      assert.equal(await source.token(), jwt)
    }
    for (const text of ['', 'a b.c.d', `${jwt}\nX-Other: 1`]) {
      writeFileSync(path, text)
      const error = await source.token().then(assert.fail, (thrown: Error) => thrown)
      assert.equal((error as CausewayError).code, 'MalformedOutput')
      assert.doesNotMatch(error.message, /aaa\.bbb/)
    }
  })

  test('scontrol is asked once, again before the end, and again when the token was refused', async () => {
    let nowMs = 1000
    const clock: Clock = { now: () => nowMs, sleep: async () => undefined }
    const { host, ran } = slurmHost((call) => ({ stdout: `SLURM_JWT=a.b.${call}\n` }))
    const source = new TokenFromSlurm({ host, conf: '/etc/slurm/slurm.conf', clock }, 'watcher')
    assert.deepEqual(await Promise.all([source.token(), source.token()]), ['a.b.1', 'a.b.1'])
    nowMs += 1_499_000
    assert.equal(await source.token(), 'a.b.1')
    nowMs += 1000
    assert.equal(await source.token(), 'a.b.2')
    source.forget()
    assert.equal(await source.token(), 'a.b.3')
    const argv = ['env', 'SLURM_CONF=/etc/slurm/slurm.conf', 'scontrol', 'token', 'username=watcher', 'lifespan=1800']
    assert.deepEqual(ran, [argv, argv, argv])
  })

  test('that there is no token is tried again', async () => {
    const { host } = slurmHost((call) => (call === 1 ? { code: 1 } : { stdout: jwt }))
    const source = new TokenFromSlurm({ host, conf: '/x', clock: systemClock }, 'watcher')
    await assert.rejects(source.token(), { code: 'SchedulerUnreachable', message: /auth\/jwt/ })
    assert.equal(await source.token(), jwt)
  })
})
