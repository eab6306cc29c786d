import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Capacity, Driver } from '../../src/sites/driver.ts'
import { driverHostsContract } from './driver-contract-hosts.ts'
import { DriverStage, type DriverTrial, lasting, lastingOf, states, type TrialSite } from './driver-stage.ts'

export type { DriverTrial, TrialSite } from './driver-stage.ts'

/** What every `Driver` promises; `site` says what can be tried at this kind of site. */
export function driverContract(kind: string, site: TrialSite, begin: () => Promise<DriverTrial>): void {
  describe(`Driver contract: ${kind}`, () => {
    const stage = new DriverStage(begin)
    const on = stage.on.bind(stage)
    const spec = (id: string, cluster?: string) => stage.trial.spec(id, cluster)

    it(
      'lists nothing at an empty site',
      on([], async (driver) => assert.deepEqual(await driver.list(), { machines: [], unread: [] })),
    )

    it(
      'creates a machine that is then listed with what it was stamped with',
      on(['a-1'], async (driver) => {
        const before = Date.now()
        const machine = lasting(await driver.create(spec('a-1')))
        const { host, createdAtMs, ...rest } = machine
        const stamps = { id: 'a-1', name: 'node-a-1', cluster: 'lab', state: 'running', leaving: null }
        assert.deepEqual(rest, stamps)
        assert.ok(createdAtMs >= before - 1000 && createdAtMs <= Date.now() + 1000)
        assert.ok(host === null ? site.hosts === 1 : (await stage.hosts()).includes(host), `host ${host}`)
        assert.deepEqual(await lastingOf(driver), [machine])
        assert.deepEqual(await stage.restarted(lastingOf), [machine])
      }),
    )

    it(
      'creates a running machine only once',
      on(['b-1'], async (driver) => {
        const create = async (by: Driver) => lasting(await by.create(spec('b-1')))
        const first = await create(driver)
        assert.deepEqual(await create(driver), first)
        assert.deepEqual(await stage.restarted(create), first)
        assert.deepEqual(await states(driver), { 'b-1': 'running' })
      }),
    )

    it(
      'tells machines apart by their ids, whatever they are called',
      on(['b-2', 'b-3'], async (driver) => {
        const name = 'namesake'
        for (const id of ['b-2', 'b-3']) await driver.create({ ...spec(id), name })
        const { machines } = await driver.list()
        assert.deepEqual(Object.fromEntries(machines.map((machine) => [machine.id, machine.name])), {
          'b-2': name,
          'b-3': name,
        })
        await driver.delete('b-2')
        assert.deepEqual(await states(driver), { 'b-3': 'running' })
      }),
    )

    it(
      'shows a machine without power as stopped, and create makes it run again',
      on(['c-1'], async (driver) => {
        await driver.create(spec('c-1'))
        await stage.trial.cutPower('c-1')
        assert.deepEqual(await states(driver), { 'c-1': 'stopped' })
        const machine = await driver.create(spec('c-1'))
        assert.equal(machine.state, 'running')
        assert.deepEqual(await states(driver), { 'c-1': 'running' })
      }),
    )

    it(
      'deletes running and stopped machines with all they owned, and only those',
      on(['d-1', 'd-2', 'd-3'], async (driver) => {
        for (const id of ['d-1', 'd-2', 'd-3']) await driver.create(spec(id))
        await stage.trial.cutPower('d-2')
        await driver.delete('d-1')
        await driver.delete('d-2')
        assert.deepEqual(await states(driver), { 'd-3': 'running' })
        await driver.delete('d-3')
        assert.deepEqual(await driver.list(), { machines: [], unread: [] })
      }),
    )

    it(
      'deletes what is gone or never was, without complaint',
      on(['e-1'], async (driver) => {
        await driver.delete('never-1')
        await driver.create(spec('e-1'))
        await driver.delete('e-1')
        await driver.delete('e-1')
        await stage.restarted((by) => by.delete('e-1'))
      }),
    )

    it(
      'can create a machine again right after it was deleted, port and all',
      on(['f-1'], async (driver) => {
        let latest = 0
        for (let round = 0; round < 3; round += 1) {
          const { state, createdAtMs } = await driver.create(spec('f-1'))
          assert.equal(state, 'running')
          assert.ok(createdAtMs >= latest)
          latest = createdAtMs
          await driver.delete('f-1')
        }
      }),
    )

    it(
      'works on different machines at the same time',
      on(['g-1', 'g-2', 'g-3', 'g-4'], async (driver) => {
        const ids = ['g-1', 'g-2', 'g-3', 'g-4']
        const [created] = await Promise.all([
          Promise.all(ids.map((id) => driver.create(spec(id)))),
          driver.list(),
          driver.capacity(),
        ])
        assert.deepEqual(
          created.map(({ id }) => id),
          ids,
        )
        assert.deepEqual(await states(driver), Object.fromEntries(ids.map((id) => [id, 'running'])))
        await Promise.all([driver.delete('g-1'), driver.delete('g-2'), driver.list(), driver.console('g-3')])
        assert.deepEqual(await states(driver), { 'g-3': 'running', 'g-4': 'running' })
      }),
    )

    it(
      "shows each cluster its own machines and nobody else's",
      on(['h-1'], async (driver) => {
        const { other } = stage.trial
        await driver.create(spec('h-1'))
        await other.create(spec('h-2', 'other'))
        assert.deepEqual(await states(driver), { 'h-1': 'running' })
        assert.deepEqual(await states(other), { 'h-2': 'running' })
        assert.equal(machinesOf(await driver.capacity()), 1)
        await other.delete('h-2')
      }),
    )

    it(
      'shows what the machine prints, the end of it, and nothing of one that is gone',
      on(['i-1'], async (driver) => {
        assert.equal(await driver.console('i-1'), '')
        await driver.create(spec('i-1'))
        await eventually(async () => assert.match(await driver.console('i-1'), /hello from node-i-1/))
        await stage.trial.print('i-1', `${'a long line of text\n'.repeat(4000)}the last words\n`)
        await eventually(async () => assert.match(await driver.console('i-1'), /the last words\s*$/))
        const size = Buffer.byteLength(await driver.console('i-1'))
        assert.ok(size > 1000 && size <= 65_536, `${size} bytes`)
        await driver.delete('i-1')
        assert.equal(await driver.console('i-1'), '')
      }),
    )

    it(
      'tells its capacity, and the machines that its hosts have, and changes nothing by it',
      on(['k-1'], async (driver) => {
        const empty = await driver.capacity()
        assert.equal(machinesOf(empty), 0)
        assert.equal(empty.hosts.length, site.hosts)
        for (const { closed } of empty.hosts) assert.equal(closed, null)
        for (const { name, cpus, memoryMiB } of empty.offers) assert.ok(name !== '' && cpus > 0 && memoryMiB > 0)
        const machine = lasting(await driver.create(spec('k-1')))
        const taken = await driver.capacity()
        assert.equal(machinesOf(taken), 1)
        if (empty.machinesLeft !== null) assert.equal(taken.machinesLeft, empty.machinesLeft - 1)
        assert.deepEqual(await lastingOf(driver), [machine])
      }),
    )

    it(
      'tells an image that is missing, and leaves nothing behind that delete would not remove',
      on(['j-1'], async (driver) => {
        const missing = { ...spec('j-1'), image: '/no/such/image' }
        await assert.rejects(driver.create(missing), { code: 'ImageMissing', retryable: false })
        assert.equal((await states(driver))['j-1'] ?? 'stopped', 'stopped')
      }),
    )

    it(
      'goes on after another driver of the site was closed',
      on(['p-1'], async (driver) => {
        await stage.restarted((by) => by.create(spec('p-1')))
        assert.deepEqual(await states(driver), { 'p-1': 'running' })
      }),
    )

    driverHostsContract(stage, site)
    if (site.fills)
      it(
        'makes nothing beyond what fits, and leaves what is there',
        on(['q-1', 'q-2'], () => full(stage)),
      )
    if (site.announces)
      it(
        'tells which machines the site will take away',
        on(['r-1', 'r-2'], () => leaving(stage)),
      )
    for (const how of site.refuses)
      it(
        `tells that it is ${how}`,
        on(['s-1'], () => refused(stage, how)),
      )
  })
}

async function full({ trial }: DriverStage): Promise<void> {
  const { driver } = trial
  assert.ok(trial.fill, 'the trial says that its site fills, and has no `fill`')
  const machine = await driver.create(trial.spec('q-1'))
  await trial.fill(true)
  try {
    await assert.rejects(driver.create(trial.spec('q-2')), (error: { code?: string }) =>
      ['InsufficientCapacity', 'QuotaExceeded'].includes(error.code ?? ''),
    )
    assert.equal((await driver.create(trial.spec('q-1'))).createdAtMs, machine.createdAtMs)
    assert.deepEqual(await states(driver), { 'q-1': 'running' })
  } finally {
    await trial.fill(false)
  }
  assert.equal((await driver.create(trial.spec('q-2'))).state, 'running')
}

async function leaving({ trial }: DriverStage): Promise<void> {
  const { driver } = trial
  assert.ok(trial.announce, 'the trial says that its site announces, and has no `announce`')
  for (const id of ['r-1', 'r-2']) await driver.create(trial.spec(id))
  const atMs = Math.floor(Date.now() / 1000) * 1000 + 120_000
  await trial.announce('r-2', { atMs, reason: 'maintenance' })
  const told = Object.fromEntries((await driver.list()).machines.map(({ id, leaving }) => [id, leaving]))
  assert.equal(told['r-1'], null)
  assert.equal(told['r-2']?.atMs, atMs)
  assert.notEqual(told['r-2']?.reason, '')
}

async function refused({ trial }: DriverStage, how: TrialSite['refuses'][number]): Promise<void> {
  const { driver } = trial
  assert.ok(trial.refuse, 'the trial says that its site refuses, and has no `refuse`')
  await driver.create(trial.spec('s-1'))
  const calls = [
    () => driver.list(),
    () => driver.create(trial.spec('s-2')),
    () => driver.delete('s-1'),
    () => driver.console('s-1'),
    () => driver.capacity(),
  ]
  await trial.refuse(how)
  try {
    for (const call of calls) {
      await assert.rejects(call(), (error: { code?: string; facts?: { retryAfterMs?: unknown } }) => {
        assert.equal(error.code, how)
        if (how === 'RateLimited') assert.equal(typeof error.facts?.retryAfterMs, 'number')
        return true
      })
    }
  } finally {
    await trial.refuse(null)
  }
  assert.deepEqual(await states(driver), { 's-1': 'running' })
}

function machinesOf({ hosts }: Capacity): number {
  return hosts.reduce((sum, { machines }) => sum + machines, 0)
}

/** Tries an assertion until it holds, for two minutes at most. */
export async function eventually(assertion: () => Promise<void>): Promise<void> {
  for (const deadline = Date.now() + 120_000; ; ) {
    try {
      return await assertion()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
