import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Driver, MachineSpec } from '../../src/sites/driver.ts'

/** A kind of site to put a driver on trial at. */
export interface DriverTrial {
  /** A driver for cluster `lab` at a site that has nothing yet. */
  readonly driver: Driver
  /** A driver for the same site and cluster, as a restarted controller would make it. */
  restarted(): Driver
  /** A driver for another cluster at the same site. */
  readonly other: Driver
  /** A spec that the site can carry out, for cluster `lab` or `other`; its boot prints `hello from NAME`. */
  spec(id: string, cluster?: string): MachineSpec
  /** Makes a machine's power fail. */
  cutPower(id: string): Promise<void>
  /** Everything at the site that belongs to machines (ports, folders, processes), as text, `[]` when there is none. */
  remains(): Promise<readonly string[]>
  close(): Promise<void>
}

/** What every `Driver` promises. */
export function driverContract(kind: string, begin: () => Promise<DriverTrial>): void {
  describe(`Driver contract: ${kind}`, () => {
    let trial: DriverTrial
    before(async () => {
      trial = await begin()
    })
    after(() => trial?.close())

    const states = async (driver = trial.driver) =>
      Object.fromEntries((await driver.list()).machines.map((machine) => [machine.id, machine.state]))

    /** Runs a test and deletes the machines it names, so that each starts at an empty site. */
    const on = (ids: readonly string[], work: () => Promise<void>) => async () => {
      try {
        await work()
      } finally {
        for (const id of ids) await trial.driver.delete(id)
      }
      assert.deepEqual(await trial.remains(), [])
    }

    it(
      'lists nothing at an empty site',
      on([], async () => assert.deepEqual((await trial.driver.list()).machines, [])),
    )

    it(
      'creates a machine that is then listed with what it was stamped with',
      on(['a-1'], async () => {
        const before = Date.now()
        const machine = await trial.driver.create(trial.spec('a-1'))
        const { host: _host, address: _address, ...rest } = machine
        assert.deepEqual({ ...rest, createdAtMs: 0 }, stamped('a-1'))
        assert.ok(machine.createdAtMs >= before - 1000 && machine.createdAtMs <= Date.now() + 1000)
        assert.deepEqual((await trial.driver.list()).machines, [machine])
        assert.deepEqual((await trial.restarted().list()).machines, [machine])
      }),
    )

    it(
      'creates a running machine only once',
      on(['b-1'], async () => {
        const first = await trial.driver.create(trial.spec('b-1'))
        assert.deepEqual(await trial.driver.create(trial.spec('b-1')), first)
        assert.deepEqual(await trial.restarted().create(trial.spec('b-1')), first)
        assert.equal((await trial.driver.list()).machines.length, 1)
      }),
    )

    it(
      'shows a machine without power as stopped, and create makes it run again',
      on(['c-1'], async () => {
        await trial.driver.create(trial.spec('c-1'))
        await trial.cutPower('c-1')
        assert.deepEqual(await states(), { 'c-1': 'stopped' })
        const machine = await trial.driver.create(trial.spec('c-1'))
        assert.equal(machine.state, 'running')
        assert.deepEqual((await trial.driver.list()).machines, [machine])
      }),
    )

    it(
      'deletes running and stopped machines with all they owned, and only those',
      on(['d-1', 'd-2', 'd-3'], async () => {
        for (const id of ['d-1', 'd-2', 'd-3']) await trial.driver.create(trial.spec(id))
        await trial.cutPower('d-2')
        await trial.driver.delete('d-1')
        await trial.driver.delete('d-2')
        assert.deepEqual(await states(), { 'd-3': 'running' })
        await trial.driver.delete('d-3')
        assert.deepEqual((await trial.driver.list()).machines, [])
      }),
    )

    it(
      'deletes what is gone or never was, without complaint',
      on([], async () => {
        await trial.driver.delete('never-1')
        await trial.driver.create(trial.spec('e-1'))
        await trial.driver.delete('e-1')
        await trial.driver.delete('e-1')
      }),
    )

    it(
      'can create a machine again right after it was deleted, port and all',
      on(['f-1'], async () => {
        for (let round = 0; round < 3; round += 1) {
          await trial.driver.create(trial.spec('f-1'))
          await trial.driver.delete('f-1')
        }
        assert.equal((await trial.driver.create(trial.spec('f-1'))).state, 'running')
      }),
    )

    it(
      'works on different machines at the same time',
      on(['g-1', 'g-2', 'g-3', 'g-4'], async () => {
        const ids = ['g-1', 'g-2', 'g-3', 'g-4']
        await Promise.all(ids.map((id) => trial.driver.create(trial.spec(id))))
        assert.deepEqual(await states(), Object.fromEntries(ids.map((id) => [id, 'running'])))
        await Promise.all([trial.driver.delete('g-1'), trial.driver.delete('g-2'), trial.driver.list()])
        assert.deepEqual(await states(), { 'g-3': 'running', 'g-4': 'running' })
      }),
    )

    it(
      "shows each cluster its own machines and nobody else's",
      on(['h-1', 'h-2'], async () => {
        await trial.driver.create(trial.spec('h-1'))
        await trial.other.create(trial.spec('h-2', 'other'))
        assert.deepEqual(await states(), { 'h-1': 'running' })
        assert.deepEqual(await states(trial.other), { 'h-2': 'running' })
      }),
    )

    it(
      'shows what the machine prints, and nothing of one that is gone',
      on(['i-1'], async () => {
        assert.equal(await trial.driver.console('i-1'), '')
        await trial.driver.create(trial.spec('i-1'))
        await eventually(async () => assert.match(await trial.driver.console('i-1'), /hello from node-i-1/))
        await trial.driver.delete('i-1')
        assert.equal(await trial.driver.console('i-1'), '')
      }),
    )

    it(
      'tells its capacity, and the machines that its hosts have',
      on(['k-1'], async () => {
        const machines = async () =>
          (await trial.driver.capacity()).hosts.reduce((sum, { machines: has }) => sum + has, 0)
        assert.equal(await machines(), 0)
        await trial.driver.create(trial.spec('k-1'))
        assert.equal(await machines(), 1)
      }),
    )

    it(
      'makes no machine at hosts that are to be avoided',
      on(['l-1'], async () => {
        const avoidHosts = (await trial.driver.capacity()).hosts.map(({ host }) => host)
        assert.ok(avoidHosts.length > 0)
        const spec = { ...trial.spec('l-1'), avoidHosts }
        await assert.rejects(trial.driver.create(spec), { code: 'InsufficientCapacity', retryable: true })
        assert.deepEqual((await trial.driver.list()).machines, [])
      }),
    )

    it(
      'tells an image that is missing, and leaves nothing behind that delete would not remove',
      on(['j-1'], async () => {
        const spec = { ...trial.spec('j-1'), image: '/no/such/image' }
        await assert.rejects(trial.driver.create(spec), { code: 'ImageMissing', retryable: false })
      }),
    )
  })
}

function stamped(id: string) {
  return { id, name: `node-${id}`, cluster: 'lab', state: 'running', createdAtMs: 0, leaving: null }
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
