import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Driver } from '../../src/sites/driver.ts'
import { type DriverStage, lasting, lastingOf, states, type TrialSite } from './driver-stage.ts'

const unreachable = { code: 'HostUnreachable', retryable: true }

/** What every `Driver` promises about the hosts of a pool, and of a site that can't be read. */
export function driverHostsContract(stage: DriverStage, site: TrialSite): void {
  it(
    'makes no machine at hosts that are to be avoided',
    stage.on(['l-1'], async (driver) => {
      const avoidHosts = await stage.hosts()
      assert.equal(avoidHosts.length, site.hosts)
      assert.equal(new Set(avoidHosts).size, site.hosts)
      const spec = { ...stage.trial.spec('l-1'), avoidHosts }
      await assert.rejects(driver.create(spec), { code: 'InsufficientCapacity', retryable: true })
      assert.deepEqual((await driver.list()).machines, [])
    }),
  )

  it(
    'leaves a machine that runs where it is, though its host is to be avoided',
    stage.on(['l-2'], async (driver) => {
      const machine = lasting(await driver.create(stage.trial.spec('l-2')))
      const avoidHosts = await stage.hosts()
      assert.deepEqual(lasting(await driver.create({ ...stage.trial.spec('l-2'), avoidHosts })), machine)
    }),
  )

  if (site.hosts > 1) describe('with several hosts', () => severalHosts(stage))
  if (site.darkens !== 'nothing') describe('while nothing can be read', () => allDark(stage))
  if (site.darkens === 'each' && site.hosts > 1) describe('while a host is dark', () => oneDark(stage))
}

function severalHosts(stage: DriverStage): void {
  it(
    'makes a machine at the only host that is not to be avoided, and says where it is',
    stage.on(['m-0', 'm-1'], async (driver) => {
      const hosts = await stage.hosts()
      for (const [k, host] of hosts.slice(0, 2).entries()) {
        const avoidHosts = hosts.filter((other) => other !== host)
        const machine = await driver.create({ ...stage.trial.spec(`m-${k}`), avoidHosts })
        assert.equal(machine.host, host)
        const told = (await driver.capacity()).hosts.find((one) => one.host === host)
        assert.equal(told?.machines, 1)
      }
    }),
  )

  it(
    'makes a stopped machine run elsewhere when its host is to be avoided, and only there',
    stage.on(['m-2'], async (driver) => {
      const first = await driver.create(stage.trial.spec('m-2'))
      await stage.trial.cutPower('m-2')
      const avoidHosts = (await stage.hosts()).filter((host) => host === first.host)
      const second = await driver.create({ ...stage.trial.spec('m-2'), avoidHosts })
      assert.notEqual(second.host, first.host)
      assert.deepEqual(await lastingOf(driver), [lasting(second)])
    }),
  )
}

function allDark(stage: DriverStage): void {
  it(
    'rejects all that it would have to know the site for',
    stage.on(['n-1'], async (driver) => {
      const machine = await driver.create(stage.trial.spec('n-1'))
      await stage.dark(await stage.hosts(), async () => {
        await assert.rejects(driver.list(), unreachable)
        await assert.rejects(driver.create(stage.trial.spec('n-1')), unreachable)
        await assert.rejects(driver.create(stage.trial.spec('n-2')), unreachable)
        await assert.rejects(driver.delete('n-1'), unreachable)
        await assert.rejects(driver.console('n-1'), unreachable)
        await stage.restarted(async (other) => assert.rejects(other.list(), unreachable))
      })
      assert.deepEqual(await lastingOf(driver), [lasting(machine)])
    }),
  )
}

function oneDark(stage: DriverStage): void {
  it(
    'lists what the others have, and says of which host nothing is known',
    stage.on(['o-1', 'o-2'], async (driver) => {
      const first = await driver.create(stage.trial.spec('o-1'))
      const dark = [first.host ?? '']
      await driver.create({ ...stage.trial.spec('o-2'), avoidHosts: dark })
      const look = async (by: Driver) => {
        const { machines, unread } = await by.list()
        assert.deepEqual(
          machines.map(({ id }) => id),
          ['o-2'],
        )
        assert.deepEqual(
          unread.map(({ host, error }) => [host, error.code]),
          [[first.host, 'HostUnreachable']],
        )
      }
      await stage.dark(dark, async () => {
        await look(driver)
        await stage.restarted(look)
        const told = (await driver.capacity()).hosts.find(({ host }) => host === first.host)
        assert.equal(told?.machines, 0)
        assert.equal(typeof told?.closed, 'string')
      })
      assert.deepEqual(await states(driver), { 'o-1': 'running', 'o-2': 'running' })
    }),
  )

  it(
    'makes no second machine of an id that the host has, and does not say that it is deleted',
    stage.on(['o-3'], async (driver) => {
      const machine = await driver.create(stage.trial.spec('o-3'))
      const dark = [machine.host ?? '']
      const again = { ...stage.trial.spec('o-3'), avoidHosts: dark }
      const tryAll = async (by: Driver) => {
        await assert.rejects(by.create(stage.trial.spec('o-3')), unreachable)
        await assert.rejects(by.create(again), unreachable)
        await assert.rejects(by.delete('o-3'), unreachable)
        await assert.rejects(by.console('o-3'), unreachable)
      }
      await stage.dark(dark, async () => {
        await tryAll(driver)
        await stage.restarted(tryAll)
      })
      assert.deepEqual(await lastingOf(driver), [lasting(machine)])
    }),
  )

  it(
    'makes a machine that nobody asked for before at another host, also after a restart',
    stage.on(['o-4'], async () => {
      const dark = (await stage.hosts()).slice(0, 1)
      await stage.dark(dark, () =>
        stage.restarted(async (driver) => {
          const machine = await driver.create({ ...stage.trial.spec('o-4'), first: true })
          assert.ok(machine.host !== null && !dark.includes(machine.host))
          assert.deepEqual(lasting(await driver.create(stage.trial.spec('o-4'))), lasting(machine))
        }),
      )
      assert.deepEqual(await states(stage.trial.driver), { 'o-4': 'running' })
    }),
  )
}
