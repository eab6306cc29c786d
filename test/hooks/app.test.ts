import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { CausewayError } from '../../src/base/errors.ts'
import { silentLog } from '../../src/base/log.ts'
import type { ControllerConfig } from '../../src/config/controller-schema.ts'
import { LiveConfig } from '../../src/elastic/live-config.ts'
import { Reports } from '../../src/elastic/reports.ts'
import { SiteKeeper } from '../../src/elastic/site-keeper.ts'
import { hashToken } from '../../src/elastic/tokens.ts'
import { buildApp } from '../../src/hooks/app.ts'
import { controllerCalls } from '../../src/hooks/controller-calls.ts'
import { EngineWatch } from '../../src/hooks/engine-figures.ts'
import { HookInbox } from '../../src/hooks/hook-inbox.ts'
import { Metrics } from '../../src/hooks/metrics.ts'
import { ReadModel } from '../../src/hooks/read-model.ts'
import { DrainStore } from '../../src/store/drain-store.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { JobStore } from '../../src/store/job-store.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'
import { policy } from '../elastic/world.ts'
import { FakeDriver } from '../fakes/driver.ts'
import { someConfig } from '../support/controller-config.ts'
import { someNetwork } from '../support/network-report.ts'

const cause = { code: 'Test', text: 'because' }
const clock = { now: () => 5000, sleep: async () => undefined }
const config = someConfig()

describe('the HTTP application', () => {
  let db: Db
  let nodes: NodeStore
  let events: EventStore
  let wakes: number
  let next: () => Promise<ControllerConfig>
  let app: FastifyInstance
  let remote: FastifyInstance
  let nodesOnly: FastifyInstance
  let inbox: HookInbox

  beforeEach(async () => {
    db = await openStore(':memory:')
    nodes = new NodeStore(db)
    events = new EventStore(db)
    wakes = 0
    next = () => Promise.resolve(config)
    const live = new LiveConfig(config, () => next())
    const wake = () => {
      wakes += 1
    }
    const readModel = new ReadModel({
      clock,
      config: live,
      nodes,
      events,
      jobs: new JobStore(db),
      view: () => null,
      brokenGateways: () => new Map(),
    })
    const drivers = new Map([['east', new FakeDriver({ site: 'east', cluster: 'lab', clock })]])
    const drains = new DrainStore(db)
    const sites = new SiteKeeper({ clock, config: live, drivers, drains, nodes, events, view: () => null, wake })
    const reports = new Reports(nodes, clock, () => policy, wake)
    const watch = new EngineWatch(clock)
    const controller = controllerCalls({
      readModel,
      sites,
      policy: live,
      network: () => someNetwork,
      keys: null,
      reports,
      events,
      watch,
      wake,
    })
    inbox = new HookInbox({ record: (batch) => controller.recordHooks(batch), clock, log: silentLog })
    const services = { clock, controller, inbox, metrics: new Metrics() }
    app = buildApp(services, { apiTokenHash: null, serves: 'all', callsPerSecond: 1000 })
    remote = buildApp(services, { apiTokenHash: hashToken('api-token'), serves: 'all', callsPerSecond: 1000 })
    nodesOnly = buildApp(services, { apiTokenHash: hashToken('api-token'), serves: 'nodes', callsPerSecond: 2 })
    await nodes.begin(
      {
        id: 'id-1',
        name: 'east-1',
        site: 'east',
        type: 'standard',
        costPerHour: 0,
        billingMs: 0,
        jobs: ['7'],
        phase: 'planned',
      },
      cause,
      1000,
    )
    await nodes.move('id-1', ['planned'], 'booting', cause, 2000)
    await nodes.setTokenHash('id-1', hashToken('node-token'))
  })
  afterEach(async () => {
    await app.close()
    await remote.close()
    await nodesOnly.close()
    await db.destroy()
  })

  const report = (token: string, body: object, id = 'id-1') =>
    remote.inject({
      method: 'POST',
      url: `/v1/nodes/${id}/phase`,
      headers: { authorization: `Bearer ${token}` },
      payload: body,
    })
  const phase = async () => (await nodes.get('id-1'))?.phase

  test('a hook is recorded with its names and jobs, wakes the loop, and changes no node', async () => {
    const payload = {
      nodes: 'east-[1-2]',
      resume: { jobs: [{ job_id: 12, nodes: 'east-[1-2]' }], all_nodes: 'east-[1-2]' },
    }
    const answer = await app.inject({ method: 'POST', url: '/v1/hooks/slurm/resume', payload })
    assert.deepEqual([answer.statusCode, answer.json()], [202, { accepted: true, duplicate: false }])
    await inbox.recorded()
    assert.equal(wakes, 1)
    const [event] = await events.ofJob('12')
    assert.deepEqual([event?.kind, event?.code, event?.facts.names], ['hook', 'resume', ['east-1', 'east-2']])
    assert.equal((await nodes.all()).length, 1)
  })

  test('a hook that is not what it should be is refused with the reason', async () => {
    for (const [event, payload, says] of [
      ['resume', {}, /nodes/],
      ['resume', { nodes: 'east-1', facts: { colour: 'red' } }, /facts/],
      ['epilog', { id: 'short' }, /id/],
      ['epilog', { at: -1 }, /at/],
      ['explode', { nodes: 'east-1' }, /slurm has no event explode; it has: resume, suspend/],
      ['resume', { nodes: 'east-[1-' }, /east-\[1-/],
      ['resume', { nodes: 'east-[1-99999999]' }, /./],
      ['resume', { nodes: 'east-1', colour: 'red' }, /additional/],
      ['resume', { nodes: 'east-1', resume: { jobs: [{ job_id: 'x' }] } }, /job_id/],
      ['epilog', { jobs: ['1; rm'] }, /jobs/],
    ] as const) {
      const answer = await app.inject({ method: 'POST', url: `/v1/hooks/slurm/${event}`, payload })
      assert.equal(answer.statusCode, 400, answer.body)
      assert.equal(answer.json().error.code, 'InvalidRequest')
      assert.match(answer.json().error.message, says)
    }
    assert.equal(wakes, 0)
  })

  test('a hook of a scheduler that nobody knows is taken, within bounds', async () => {
    const post = (url: string, payload: object) => app.inject({ method: 'POST', url, payload })
    const body = {
      id: 'event-0001',
      at: 4321,
      nodes: 'a,b',
      jobs: ['x.1'],
      facts: { depth: 3, why: 'it rains', wet: true },
    }
    assert.equal((await post('/v1/hooks/htcondor/job-queued', body)).statusCode, 202)
    await inbox.recorded()
    const [event] = await events.ofJob('x.1')
    assert.deepEqual(
      [event?.code, event?.atMs, event?.facts],
      [
        'job-queued',
        4321,
        { depth: 3, why: 'it rains', wet: true, scheduler: 'htcondor', names: ['a', 'b'], id: 'event-0001' },
      ],
    )
    for (const [url, payload] of [
      ['/v1/hooks/HTCondor/x', {}],
      ['/v1/hooks/htcondor/x_y', {}],
      [`/v1/hooks/${'h'.repeat(40)}/x`, {}],
      ['/v1/hooks/htcondor/x', { colour: 'red' }],
      ['/v1/hooks/htcondor/x', { facts: { deep: { er: 1 } } }],
      ['/v1/hooks/htcondor/x', { facts: { text: 'x'.repeat(5000) } }],
      ['/v1/hooks/htcondor/x', { facts: Object.fromEntries(Array.from({ length: 65 }, (_, k) => [`k${k}`, 1])) }],
      ['/v1/hooks/htcondor/x', { jobs: Array.from({ length: 10_001 }, () => '1') }],
    ] as const) {
      assert.equal((await post(url, payload)).statusCode, 400, `${url} ${JSON.stringify(payload).slice(0, 80)}`)
    }
  })

  test('a hook that comes twice with one id is recorded once, also after a restart', async () => {
    const send = async () =>
      (
        await app.inject({ method: 'POST', url: '/v1/hooks/slurm/epilog', payload: { id: 'event-0001', jobs: ['9'] } })
      ).json()
    assert.deepEqual(await send(), { accepted: true, duplicate: false })
    assert.deepEqual(await send(), { accepted: true, duplicate: true })
    await inbox.recorded()
    assert.equal((await events.ofJob('9')).length, 1)
    assert.deepEqual(await events.recentHookIds(10), ['event-0001'])
  })

  test('a client that calls too often is told when to come again', async () => {
    const statuses: number[] = []
    for (let call = 0; call < 5; call++) {
      const answer = await nodesOnly.inject(call < 3 ? '/v1/healthz' : '/v1/nowhere')
      statuses.push(answer.statusCode)
      if (answer.statusCode !== 429) continue
      assert.equal(answer.headers['retry-after'], '1')
      assert.equal(answer.json().error.code, 'RateLimited')
    }
    assert.deepEqual(statuses, [200, 200, 429, 429, 429])
  })

  test('a site is drained with a reason, and taken back, over the API', async () => {
    const post = (url: string, payload: object) => app.inject({ method: 'POST', url, payload })
    const drained = await post('/v1/sites/east/drain', { reason: 'new roof' })
    assert.deepEqual([drained.statusCode, drained.json().drain], [200, { reason: 'new roof', sinceMs: 5000 }])
    assert.equal(drained.json().nodes, 1)
    assert.equal((await app.inject('/v1/sites')).json()[0].drain.reason, 'new roof')
    assert.equal(wakes, 1)
    const back = await post('/v1/sites/east/undrain', {})
    assert.deepEqual([back.statusCode, back.json().drain], [200, null])
    assert.equal((await post('/v1/sites/east/undrain', {})).statusCode, 404)
    assert.equal((await post('/v1/sites/nowhere/drain', {})).statusCode, 404)
    for (const body of [{ host: '../x' }, { reason: 'two\nlines' }, { colour: 'red' }]) {
      assert.equal((await post('/v1/sites/east/drain', body)).statusCode, 400, JSON.stringify(body))
    }
    assert.equal((await remote.inject({ method: 'POST', url: '/v1/sites/east/drain', payload: {} })).statusCode, 401)
  })

  test("behind the nodes' door there is no API", async () => {
    const headers = { authorization: 'Bearer api-token' }
    assert.equal((await nodesOnly.inject({ url: '/v1/status', headers })).statusCode, 404)
    const hook = { method: 'POST', url: '/v1/hooks/slurm/epilog', headers, payload: {} } as const
    assert.equal((await nodesOnly.inject(hook)).statusCode, 404)
  })

  test('metrics tell of requests, hooks and the loop', async () => {
    for (const scheduler of ['slurm', 'made-up']) {
      await app.inject({ method: 'POST', url: `/v1/hooks/${scheduler}/epilog`, payload: {} })
    }
    const { body, headers } = await app.inject('/v1/metrics')
    assert.match(String(headers['content-type']), /^text\/plain/)
    for (const line of [
      'causeway_http_request_seconds_count{method="POST",route="/v1/hooks/slurm/epilog",status="202"} 1',
      'causeway_http_request_seconds_count{method="POST",route="/v1/hooks/:scheduler/:event",status="202"} 1',
      'causeway_hook_events_total{scheduler="slurm",event="epilog",duplicate="false"} 1',
      'causeway_hook_events_total{scheduler="other",event="other",duplicate="false"} 1',
      'causeway_loop_rounds_total 0',
      'causeway_queue_age_seconds Nan',
    ]) {
      assert.ok(body.includes(`\n${line}\n`), `${line} is missing in\n${body}`)
    }
    assert.equal((await remote.inject('/v1/metrics')).statusCode, 401)
  })

  test("a node's report moves it forward and never back", async () => {
    assert.equal((await report('node-token', { phase: 'enrolling' })).statusCode, 202)
    assert.equal(await phase(), 'enrolling')
    assert.equal((await report('node-token', { phase: 'installing' })).statusCode, 202)
    assert.equal(await phase(), 'enrolling')
    assert.equal(wakes, 2)
  })

  test('a report of failure fails the node and counts for the breaker', async () => {
    await report('node-token', { phase: 'failed', detail: 'apt-get: no such package' })
    assert.deepEqual((await nodes.get('id-1'))?.failure, {
      code: 'NodeReportedFailure',
      text: 'east-1 reports: apt-get: no such package',
    })
    assert.equal((await nodes.breakers()).get('east/standard')?.failures, 1)
  })

  test('a report needs the token of its own life, and the token ends with the enrolment', async () => {
    await nodes.begin(
      {
        id: 'id-2',
        name: 'east-2',
        site: 'east',
        type: 'standard',
        costPerHour: 0,
        billingMs: 0,
        jobs: [],
        phase: 'planned',
      },
      cause,
      1000,
    )
    await nodes.setTokenHash('id-2', hashToken('other'))
    for (const [token, id] of [
      ['wrong', 'id-1'],
      ['node-token', 'id-2'],
      ['node-token', 'nobody'],
      ['api-token', 'id-1'],
    ] as const) {
      assert.equal((await report(token, { phase: 'installing' }, id)).statusCode, 401)
    }
    assert.equal(
      (await remote.inject({ method: 'POST', url: '/v1/nodes/id-1/phase', payload: { phase: 'installing' } }))
        .statusCode,
      401,
    )
    assert.equal(await phase(), 'booting')
    await nodes.move('id-1', ['booting'], 'ready', cause, 3000)
    assert.equal((await report('node-token', { phase: 'failed' })).statusCode, 401)
    assert.equal(await phase(), 'ready')
  })

  test('over TCP all but reports and health need the API token; over the socket nothing does', async () => {
    const urls = [
      '/v1/status',
      '/v1/nodes',
      '/v1/nodes/east-1/timeline',
      '/v1/jobs/7/why',
      '/v1/openapi.json',
      '/v1/metrics',
    ]
    for (const url of urls) {
      assert.equal((await remote.inject(url)).statusCode, 401, url)
      const headers = { authorization: 'Bearer api-token' }
      assert.equal((await remote.inject({ url, headers })).statusCode, 200, url)
      assert.equal((await app.inject(url)).statusCode, 200, url)
    }
    const hook = { method: 'POST', url: '/v1/hooks/slurm/epilog', payload: { jobs: ['7'] } } as const
    assert.equal((await remote.inject(hook)).statusCode, 401)
    assert.equal((await remote.inject('/v1/healthz')).statusCode, 200)
  })

  test('the policy is read again: changes are told, and what is wrong or needs a restart changes nothing', async () => {
    const reload = () => app.inject({ method: 'POST', url: '/v1/policy/reload' })
    const maximum = async () => (await app.inject('/v1/status')).json().types[0].maximum
    const before = await maximum()
    assert.deepEqual((await reload()).json(), { changes: [], todo: [] })

    const east = config.sites.east
    assert.ok(east?.nodes)
    const withEast = (over: object) => ({ ...config, sites: { ...config.sites, east: { ...east, ...over } } })
    next = async () => withEast({ nodes: { ...east.nodes, maximum: before + 1, cpus: 7 } })
    const { changes, todo } = (await reload()).json()
    assert.deepEqual(
      changes.find((change: { key: string }) => change.key === 'maximum'),
      { about: 'east standard', key: 'maximum', from: String(before), to: String(before + 1) },
    )
    assert.match(todo[0], /slurm-nodes/)
    assert.equal(await maximum(), before + 1)
    assert.equal(wakes, 2)

    next = async () => withEast({ gateway: { ...east.gateway, underlay: '10.250.9.9' } })
    const restart = await reload()
    assert.equal(restart.statusCode, 400)
    assert.match(restart.json().error.message, /sites.east.gateway changed, which needs a restart/)
    next = () => Promise.reject(new CausewayError('InvalidConfig', 'causeway.yaml:7:3: wrong'))
    assert.match((await reload()).json().error.message, /causeway.yaml:7:3: wrong/)
    assert.equal(await maximum(), before + 1)
    assert.equal((await remote.inject({ method: 'POST', url: '/v1/policy/reload' })).statusCode, 401)
  })

  test('without encryption there are no keys to change', async () => {
    const rotate = { method: 'POST', url: '/v1/network/rotate-keys' } as const
    const refused = await app.inject(rotate)
    assert.equal(refused.statusCode, 404)
    assert.match(refused.json().error.message, /not encrypted/)
    assert.equal((await app.inject('/v1/network/keys')).statusCode, 404)
    assert.equal((await remote.inject(rotate)).statusCode, 401)
  })

  test('nodes, timeline and why tell what happened', async () => {
    const [node] = (await app.inject('/v1/nodes')).json()
    assert.deepEqual(
      [node.name, node.phase, node.address, node.phasesMs],
      ['east-1', 'booting', '10.77.1.1', { planned: 1000, booting: 3000 }],
    )
    const timeline = (await app.inject('/v1/nodes/east-1/timeline')).json()
    assert.deepEqual(
      timeline.lives[0].events.map((e: { facts: { phase: string } }) => e.facts.phase),
      ['planned', 'booting'],
    )
    const why = (await app.inject('/v1/jobs/7/why')).json()
    assert.equal(why.history.length, 2)
    for (const url of ['/v1/nodes/nobody/timeline', '/v1/jobs/99/why', '/v1/nowhere']) {
      const answer = await app.inject(url)
      assert.equal(answer.statusCode, 404)
      assert.equal(answer.json().error.code, 'NotFound')
    }
  })
})
