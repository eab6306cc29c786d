import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { SiteKeeper, type SiteSources } from '../../src/elastic/site-keeper.ts'
import { DrainStore } from '../../src/store/drain-store.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'
import { FakeDriver, FakeSite } from '../fakes/driver.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { machine, observation } from './world.ts'

const clock = { now: () => 7000, sleep: () => new Promise<void>(() => undefined) }
let db: Db
let at: FakeSite
let driver: FakeDriver
let nodes: NodeStore
let wakes: number
let hosts: Record<string, { maintenance: boolean }>

beforeEach(async () => {
  db = await openStore(':memory:')
  at = new FakeSite(['h1', 'h2'])
  driver = new FakeDriver({ site: 'east', cluster: 'lab', clock, at })
  nodes = new NodeStore(db)
  wakes = 0
  hosts = { h1: { maintenance: false }, h2: { maintenance: false } }
})
afterEach(() => db.destroy())

/** As a controller has it that was started just now. */
function keeper(over: Partial<SiteSources> = {}): SiteKeeper {
  return new SiteKeeper({
    clock,
    config: { current: { sites: { east: { driver: { kind: 'libvirt', hosts } } } } } as never,
    drivers: new Map([['east', driver]]),
    drains: new DrainStore(db),
    nodes,
    events: new EventStore(db),
    view: () => ({ observation: observation({ machines: { east: [machine({ host: 'h1' })] }, unreadHosts: ['h2'] }) }),
    wake: () => {
      wakes += 1
    },
    ...over,
  })
}

test('a drain outlives the controller and is taken back, with an event each time', async () => {
  await keeper().drain('east', 'h1', 'new disks')
  assert.deepEqual(await keeper().drains(), [{ site: 'east', host: 'h1', reason: 'new disks', sinceMs: 7000 }])
  await keeper().undrain('east', 'h1')
  assert.deepEqual(await keeper().drains(), [])
  assert.equal(wakes, 2)
  const events = await db.selectFrom('events').select(['kind', 'code', 'text']).orderBy('seq').execute()
  assert.deepEqual(events, [
    { kind: 'site', code: 'HostDrained', text: 'host h1 of east is drained: new disks' },
    { kind: 'site', code: 'Undrained', text: 'host h1 of east takes nodes again' },
  ])
})

test('hosts that there are not are refused; where a site does not tell its hosts, any is taken', async () => {
  await assert.rejects(keeper().drain('east', 'h9', ''), { code: 'NotFound', message: /it has: h1, h2/ })
  await assert.rejects(keeper().drain('south', null, ''), { code: 'NotFound', message: /it has: east/ })
  at.refusal = new CausewayError('HostUnreachable', 'no route')
  await keeper().drain('east', 'h2', 'dead')
  assert.equal((await keeper().drains()).length, 1)
})

test('a host in maintenance by the configuration is drained, until the configuration says otherwise', async () => {
  hosts = { h1: { maintenance: true }, h2: { maintenance: false } }
  assert.deepEqual(
    (await keeper().drains()).map(({ site, host }) => [site, host]),
    [['east', 'h1']],
  )
  await assert.rejects(keeper().undrain('east', 'h1'), { code: 'Conflict', message: /maintenance/ })
  hosts = { h1: { maintenance: false }, h2: { maintenance: false } }
  assert.deepEqual(await keeper().drains(), [])
})

test('the only host of a site is the site', async () => {
  at = new FakeSite()
  driver = new FakeDriver({ site: 'east', cluster: 'lab', clock, at })
  await keeper().drain('east', 'east', 'new roof')
  assert.deepEqual(
    (await keeper().drains()).map(({ host }) => host),
    [null],
  )
  await keeper().undrain('east', 'east')
  hosts = { h1: { maintenance: true } }
  assert.deepEqual(
    (await keeper().drains()).map(({ host }) => host),
    [null],
  )
})

test('a site whose hosts are all drained one by one is drained, until one of them is not', async () => {
  hosts = { h1: { maintenance: true }, h2: { maintenance: false } }
  const { drain } = await keeper().drain('east', 'h2', 'new disks')
  const whole = {
    reason: 'each of its hosts is: h2 (new disks), h1 (in maintenance by the configuration)',
    sinceMs: 7000,
  }
  assert.deepEqual(drain, whole)
  assert.deepEqual((await keeper().drains()).at(-1), { site: 'east', host: null, ...whole })
  await assert.rejects(keeper().undrain('east', null), { code: 'NotFound', message: /take back those, with --host/ })
  assert.equal((await keeper().undrain('east', 'h2')).drain, null)
})

test('where only the site itself knows its hosts, they are those that it told last', async () => {
  const driverOf = { kind: 'command' }
  const one = keeper({ config: { current: { sites: { east: { driver: driverOf } } } } as never })
  await one.drain('east', 'h1', '')
  assert.equal((await one.report())[0]?.drain, null)
  const { drain } = await one.drain('east', 'h2', '')
  assert.equal(drain?.reason, 'each of its hosts is: h1, h2')
  const ofZones = (zones: object) => ({ current: { sites: { east: { driver: { kind: 'any', zones } } } } }) as never
  for (const zones of [['h1', 'h2'], { h1: 'subnet-1', h2: 'subnet-2' }]) {
    assert.equal((await keeper({ config: ofZones(zones) }).drains()).at(-1)?.host, null)
  }
})

test('the report tells hosts with their room, nodes and drains, and what can not be read', async () => {
  await driver.create({ ...machineSpec('id-1', { image: '/images/base' }), avoidHosts: ['h2'] })
  const life = { id: 'id-1', name: 'east-1', site: 'east', type: 'standard', costPerHour: 0, billingMs: 0, jobs: [] }
  await nodes.begin({ ...life, phase: 'booting' }, { code: 'Test', text: 'because' }, 1)
  await nodes.note([{ id: 'id-1', host: 'h1' }])
  await keeper().drain('east', 'h1', '')
  const [report] = await keeper().report()
  assert.equal(report?.reachable, true)
  assert.equal(report?.trouble, 'host h2: no answer')
  assert.deepEqual(
    report?.hosts.map(({ host, nodes: has, machines, drain }) => [host, has, machines, drain?.reason ?? null]),
    [
      ['h1', 1, 1, ''],
      ['h2', 0, 0, null],
    ],
  )
  at.refusal = new CausewayError('HostUnreachable', 'no route')
  const [silent] = await keeper().report()
  assert.deepEqual([silent?.silence, silent?.hosts], ['no route', []])
})

test('a site that hangs keeps nobody waiting for ever', async () => {
  driver.interfere = ({ call }) => (call === 'capacity' ? new Promise<void>(() => undefined) : undefined)
  const [report] = await keeper({ clock: { now: () => 7000, sleep: async () => undefined } }).report()
  assert.match(report?.silence ?? '', /not answered within 10 s/)
})
