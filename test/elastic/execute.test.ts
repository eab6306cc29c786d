import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { silentLog } from '../../src/base/log.ts'
import { Acts } from '../../src/elastic/acts.ts'
import { Backoff } from '../../src/elastic/backoff.ts'
import { CacheWarmer } from '../../src/elastic/cache-warmer.ts'
import { execute, type Tools } from '../../src/elastic/execute.ts'
import { NetworkKeeper } from '../../src/elastic/network-keeper.ts'
import { Observer } from '../../src/elastic/observe.ts'
import type { Plan, Step } from '../../src/elastic/plan/steps.ts'
import { hashToken } from '../../src/elastic/tokens.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'
import { FakeDriver, FakeSite } from '../fakes/driver.ts'
import { FakeScheduler } from '../fakes/scheduler.ts'
import { bareOverlay, member } from '../network/sample.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { someRegistration } from '../support/registration.ts'
import { policy } from './world.ts'

const reason = { code: 'WantedByQueue', text: 'the queue wants it' } as const
const cause = { code: 'Test', text: 'because' }
const clock = { now: () => 1_000_000, sleep: () => new Promise<void>(() => undefined) }
const sites = ['head', 'east']

let db: Db
let nodes: NodeStore
let acts: Acts
let tools: Tools
/** What the gateways were told, and what happened between, in order. */
let told: string[]

beforeEach(async () => {
  db = await openStore(':memory:')
  nodes = new NodeStore(db)
  acts = new Acts(clock, silentLog, () => undefined)
  told = []
  let ids = 0
  const network = new NetworkKeeper(async ({ members }, gateway) => {
    told.push(`${gateway}: ${members.map(({ name }) => name).join(' ')}`)
    return { pending: [] }
  }, clock)
  tools = {
    clock,
    log: silentLog,
    nodes,
    events: new EventStore(db),
    scheduler: new FakeScheduler([{ name: 'east-1' }, { name: 'east-2' }], { nowMs: clock.now() }),
    drivers: new Map([['east', new FakeDriver({ site: 'east', cluster: 'lab', clock })]]),
    acts,
    backoff: new Backoff(clock),
    policyAt: () => policy,
    network,
    unasked: new Set(),
    newId: () => `id-${++ids}`,
    tokenFor: (id) => `token-${id}`,
    wantOverlay: async () => network.want(overlay((await nodes.live()).map(({ name }) => name))),
    drains: async () => [],
    registration: (node) => someRegistration(node),
    machineSpec: (node) => {
      told.push(`create ${node.name}`)
      return machineSpec(node.id, { name: node.name, image: '/images/base' })
    },
  }
})

afterEach(async () => {
  await acts.idle()
  await db.destroy()
})

function overlay(names: readonly string[]): Overlay {
  const place = { underlay: '10.250.0.1', address: '10.77.0.1', address6: null, mac: '02:43:0a:4d:00:01' }
  return {
    ...bareOverlay,
    gateways: sites.map((name) => ({ name, ...place, interception: null, routes: false, nat: false })),
    members: names.map((name) => member(name, '10.77.1.1', 'east', null)),
  }
}

async function carryOut(...steps: Step[]): Promise<void> {
  const observer = new Observer(clock, tools.scheduler, tools.drivers, nodes)
  const observation = await observer.observe(acts, { failuresSinceMs: 0, goneSinceMs: 0 }, [])
  const plan: Plan = { atMs: clock.now(), steps, notes: [], waiting: new Map(), jobs: [], nextAtMs: null }
  await execute(plan, observation, tools)
}

function begin(k: number): Step {
  return { kind: 'begin', name: `east-${k}`, site: 'east', type: 'standard', jobs: ['7'], reason }
}

function life(id: string, name: string) {
  return { id, name, site: 'east', type: 'standard', costPerHour: 0, billingMs: 0, jobs: [] }
}

describe('carrying out a plan', () => {
  test('lives that begin together are all known to the gateways before the first machine, by one change', async () => {
    await carryOut(begin(1), begin(2))
    await acts.idle()
    assert.deepEqual(told.slice(0, 4).toSorted(), [
      'create east-1',
      'create east-2',
      'east: east-1 east-2',
      'head: east-1 east-2',
    ])
    assert.ok(
      told.slice(0, 2).every((line) => !line.startsWith('create')),
      told.join('; '),
    )
    assert.deepEqual(
      (await nodes.live()).map(({ phase }) => phase),
      ['booting', 'booting'],
    )
  })

  test('the cache of a site is told as soon as nodes are to come there, and nothing waits for it', async () => {
    const calls: string[] = []
    const warmer = new CacheWarmer({
      clock,
      log: silentLog,
      events: tools.events,
      warmCache: (site, roles) => {
        calls.push(`${site}: ${roles.join(' ')}`)
        return new Promise(() => undefined)
      },
      rolesOf: ({ type }) => [`role_of_${type}`],
    })
    tools = { ...tools, warmer }
    await carryOut(begin(1), begin(2))
    await acts.idle()
    assert.deepEqual(calls, ['east: role_of_standard'])
    assert.ok(told.includes('create east-1'))
  })

  test('the first create of a life is told as such, whoever fails before it, and no later one is', async () => {
    const firsts: boolean[] = []
    const driver = new FakeDriver({ site: 'east', cluster: 'lab', clock })
    const create = driver.create.bind(driver)
    driver.create = async (spec) => {
      firsts.push(spec.first)
      if (firsts.length < 3) throw new CausewayError('HostUnreachable', 'no')
      return create(spec)
    }
    const away = () => Promise.reject(new CausewayError('SchedulerUnreachable', 'no'))
    const scheduler = new FakeScheduler([], { places: 'causeway' })
    const register = scheduler.register.bind(scheduler)
    tools = { ...tools, scheduler, drivers: new Map([['east', driver]]) }
    const again = async () => {
      await carryOut({ kind: 'create', id: 'id-1', reason })
      await acts.idle()
    }
    scheduler.register = away
    await carryOut(begin(1))
    await acts.idle()
    assert.deepEqual(firsts, [])
    scheduler.register = register
    await again()
    await again()
    assert.deepEqual(firsts, [true, false])
    await again()
    assert.deepEqual(firsts, [true, false, false])

    // Of a life that another run of the controller began nobody knows; one that was only planned has never been made.
    await nodes.begin({ ...life('id-2', 'east-2'), phase: 'planned' }, reason, clock.now())
    await carryOut({ kind: 'create', id: 'id-2', reason })
    await acts.idle()
    await nodes.start([{ ...life('id-3', 'east-3'), cause: reason, tokenHash: '' }], () => reason, clock.now())
    await carryOut({ kind: 'create', id: 'id-3', reason })
    await acts.idle()
    assert.deepEqual(firsts.slice(3), [true, false])
  })

  test('where Causeway places, the scheduler knows a node before its machine is made', async () => {
    const scheduler = new FakeScheduler([], { places: 'causeway' })
    tools = { ...tools, scheduler }
    const register = scheduler.register.bind(scheduler)
    scheduler.register = async (registrations) => {
      told.push(`register ${registrations.map(({ name }) => name).join(' ')}`)
      return register(registrations)
    }
    await carryOut(begin(1))
    await acts.idle()
    const acted = told.filter((line) => !line.includes(': '))
    assert.deepEqual(acted, ['register east-1', 'create east-1'])
  })

  test('names that the queue does not know are registered as the configuration has them', async () => {
    const scheduler = new FakeScheduler([], { registers: true })
    tools = { ...tools, scheduler }
    await carryOut({ kind: 'register', names: ['east-1', 'east-2'], site: 'east', type: 'standard', reason })
    await acts.idle()
    const shown = scheduler.peek().nodes.map(({ name, power, features }) => [name, power, features])
    const features = ['site-east', 'type-standard']
    assert.deepEqual(shown, [
      ['east-1', 'absent', features],
      ['east-2', 'absent', features],
    ])
  })

  test('jobs are confined to the site of the step', async () => {
    const scheduler = new FakeScheduler([], { places: 'causeway', confines: true })
    tools = { ...tools, scheduler }
    const job = scheduler.submit({ nodes: 2 })
    await carryOut({ kind: 'confine', jobs: [job], site: 'west', reason })
    await acts.idle()
    assert.equal(scheduler.peek().jobs[0]?.confinedTo, 'west')
  })

  test('when it resolves the intent is whole in the store: phase, token, events', async () => {
    // A gateway that never answers: no machine is made, and what is in the store is what came before.
    const hangs = new NetworkKeeper(() => new Promise(() => undefined), clock)
    tools = { ...tools, network: hangs, wantOverlay: async () => hangs.want(overlay(['east-1'])) }
    await carryOut(begin(1))
    const [node] = await nodes.live()
    assert.deepEqual([node?.id, node?.phase, node?.jobs], ['id-1', 'creating', ['7']])
    assert.equal(await nodes.tokenHash('id-1'), hashToken('token-id-1'))
    assert.deepEqual(
      (await tools.events.ofNode('id-1')).map(({ facts }) => facts['phase']),
      ['planned', 'creating'],
    )
    assert.deepEqual(told, [])
    // That act never ends; the next one is not to wait for it.
    acts = new Acts(clock, silentLog, () => undefined)
  })

  test('a life that is only planned comes into creating with its token before its machine is made', async () => {
    await nodes.begin({ ...life('old', 'east-1'), phase: 'planned' }, cause, 1)
    await carryOut({ kind: 'create', id: 'old', reason })
    await acts.idle()
    assert.equal(await nodes.tokenHash('old'), hashToken('token-old'))
    assert.deepEqual(
      (await tools.events.ofNode('old')).map(({ facts }) => facts['phase']),
      ['planned', 'creating', 'booting'],
    )
    assert.equal(told.at(-1), 'create east-1')
    assert.ok(told.includes('east: east-1'))
  })

  test('a machine is made at no host that is drained, and where it is made is told and kept', async () => {
    const at = new FakeSite(['h1', 'h2'])
    const drains = [
      { site: 'east', host: 'h1', reason: '', sinceMs: 0 },
      { site: 'west', host: 'h2', reason: '', sinceMs: 0 },
    ]
    const drivers = new Map([['east', new FakeDriver({ site: 'east', cluster: 'lab', clock, at })]])
    tools = { ...tools, drivers, drains: async () => drains }
    await carryOut(begin(1), begin(2))
    await acts.idle()
    const lives = await nodes.live()
    assert.deepEqual(
      lives.map(({ host }) => host),
      ['h2', 'h2'],
    )
    const events = await tools.events.ofNode(lives[0]?.id ?? '')
    assert.match(events.at(-1)?.text ?? '', /has started on h2$/)
  })

  test('what a site refuses for a while is tried again when it said, not before', async () => {
    const at = new FakeSite()
    const driver = new FakeDriver({ site: 'east', cluster: 'lab', clock, at })
    tools = { ...tools, drivers: new Map([['east', driver]]) }
    at.refusal = new CausewayError('RateLimited', 'slow down', { facts: { retryAfterMs: 60_000 } })
    await carryOut(begin(1))
    await acts.idle()
    assert.equal((await nodes.live())[0]?.nextAttemptAtMs, clock.now() + 60_000)
    const collect: Step = { kind: 'collect', site: 'east', machine: 'lost', reason }
    for (let round = 0; round < 2; round += 1) {
      await carryOut(collect)
      await acts.idle()
    }
    assert.equal(driver.count('delete', 'lost'), 1)
  })

  test('an expected failure counts for no breaker', async () => {
    await nodes.begin({ ...life('a', 'east-1'), phase: 'booting' }, reason, clock.now())
    const failure = { code: 'MachineLost', text: 'taken away' } as const
    await carryOut({ kind: 'fail', id: 'a', failure, expected: true, reason })
    assert.deepEqual([(await nodes.get('a'))?.phase, (await nodes.breakers()).size], ['failed', 0])
    await nodes.begin({ ...life('b', 'east-2'), phase: 'booting' }, reason, clock.now())
    await carryOut({ kind: 'fail', id: 'b', failure, reason })
    assert.equal((await nodes.breakers()).get('east/standard')?.failures, 1)
  })

  test('a create that finds its site drained meanwhile counts for no breaker, unlike one that finds no room', async () => {
    const at = new FakeSite(['h1'])
    const driver = new FakeDriver({ site: 'east', cluster: 'lab', clock, at })
    const drained = { site: 'east', reason: '', sinceMs: 0 }
    tools = { ...tools, drivers: new Map([['east', driver]]), drains: async () => [{ ...drained, host: 'h1' }] }
    await carryOut(begin(1))
    await acts.idle()
    assert.equal((await nodes.breakers()).get('east/standard')?.failures, 1)
    tools = { ...tools, drains: async () => ['h1', null].map((host) => ({ ...drained, host })) }
    await carryOut(begin(2))
    await acts.idle()
    assert.deepEqual(
      (await nodes.live()).map(({ failure }) => failure?.code),
      ['InsufficientCapacity', 'InsufficientCapacity'],
    )
    assert.equal((await nodes.breakers()).get('east/standard')?.failures, 1)
  })

  test('what the machine of a failed life printed is kept when it is given up; nothing of it holds that up', async () => {
    const at = new FakeSite()
    const driver = new FakeDriver({ site: 'east', cluster: 'lab', clock, at })
    tools = { ...tools, drivers: new Map([['east', driver]]) }
    await carryOut(begin(1), begin(2))
    await acts.idle()
    const [told = '', silent = ''] = (await nodes.live()).map(({ id }) => id)
    at.print(told, '\u001bc\u001b[?7l\u001b[2J\u001b[0mSeaBIOS\r\nKernel panic: \u0007no root\r\n\r\n')
    const failure = { code: 'BootTimeout', text: 'late' } as const
    for (const id of [told, silent]) await nodes.fail(id, failure, null, clock.now())
    await carryOut({ kind: 'give-up', id: told, reason })
    await acts.idle()
    at.refusal = new CausewayError('HostUnreachable', 'the site is dark')
    await carryOut({ kind: 'give-up', id: silent, reason })
    await acts.idle()
    assert.deepEqual(
      (await nodes.live()).map(({ phase }) => phase),
      ['deleting', 'deleting'],
    )
    const consoles = async (id: string) => (await tools.events.ofNode(id)).filter(({ kind }) => kind === 'console')
    const [event] = await consoles(told)
    assert.equal(event?.text, 'its machine printed last: Kernel panic: no root')
    assert.deepEqual(event?.facts, { console: 'hello from east-1\nSeaBIOS\nKernel panic: no root\n\n' })
    assert.deepEqual(await consoles(silent), [])
  })

  test('a node that is ready makes up for a failure that was recorded in the same round', async () => {
    await nodes.begin({ ...life('good', 'east-1'), phase: 'booting' }, cause, 1)
    await nodes.begin({ ...life('bad', 'east-2'), phase: 'booting' }, cause, 1)
    await carryOut(
      {
        kind: 'fail',
        id: 'bad',
        failure: { code: 'BootTimeout', text: 'late' },
        reason: { code: 'Failed', text: 'late' },
      },
      { kind: 'move', id: 'good', to: 'ready', reason: { code: 'Enrolled', text: 'it is there' } },
    )
    assert.equal((await nodes.breakers()).get('east/standard')?.failures, 0)
  })
})
