import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { breakOnce, count, instead } from './faults.ts'
import { ScratchCloud } from './scratch-cloud.ts'

describe('OpenStackDriver.delete', () => {
  let scratch: ScratchCloud
  beforeEach(async () => {
    scratch = await ScratchCloud.create()
  })
  afterEach(() => scratch.close())

  it('returns when the server is gone, and removes its port after it', async () => {
    const { cloud } = scratch
    const driver = scratch.driver()
    await driver.create(scratch.spec('a'))
    cloud.delays.gone = 30_000
    const begunMs = scratch.clock.now()
    await driver.delete('a')
    assert.ok(scratch.clock.now() >= begunMs + 30_000)
    assert.deepEqual(cloud.remains(), [])
  })

  it('shows a server that is being deleted as leaving, and create makes another once it is gone', async () => {
    const { cloud } = scratch
    const driver = scratch.driver()
    await driver.create(scratch.spec('a'))
    const first = cloud.serverOf('a')
    first.task = 'deleting'
    first.goneAtMs = scratch.clock.now() + 100
    const { machines } = await driver.list()
    assert.match(machines[0]?.leaving?.reason ?? '', /deleting/)
    assert.equal((await driver.create(scratch.spec('a'))).leaving, null)
    assert.notEqual(cloud.serverOf('a').id, first.id)
    assert.deepEqual(cloud.doubles, [])
  })

  it('has servers deleted for good where the cloud would keep them', async () => {
    scratch.cloud.keepsDeleted = true
    const driver = scratch.driver()
    await driver.create(scratch.spec('a'))
    await driver.delete('a')
    assert.deepEqual(scratch.cloud.remains(), [])
  })

  it('removes a port without a server, and servers that share an id', async () => {
    const { cloud, clock } = scratch
    const driver = scratch.driver()
    await driver.create(scratch.spec('a'))
    const first = cloud.serverOf('a')
    // As if somebody had made a copy by hand.
    cloud.servers.set('copy', { ...first, id: 'copy', status: 'SHUTOFF', portId: '' })
    const states = (await driver.list()).machines.map(({ id, state }) => [id, state])
    assert.deepEqual(states, [['a', 'running']])
    await driver.delete('a')
    assert.deepEqual(cloud.remains(), [])
    await driver.create(scratch.spec('b'))
    cloud.servers.clear()
    for (const port of cloud.ports.values()) port.deviceId = ''
    clock.skip(60_000)
    await driver.delete('b')
    assert.deepEqual(cloud.remains(), [])
  })

  it('removes a port that was made when the configuration named another network', async () => {
    const { cloud } = scratch
    await scratch.driver().create(scratch.spec('a'))
    const port = { network: cloud.subnet, security: true, securityGroups: [] }
    await scratch.driver({ port }).delete('a')
    assert.deepEqual(cloud.remains(), [])
  })

  it('goes on where it was stopped', async () => {
    const { cloud, clock } = scratch
    const driver = scratch.driver()
    await driver.create(scratch.spec('a'))
    clock.skip(60_000)
    breakOnce(cloud, 'DELETE /ports/', instead(500))
    await assert.rejects(driver.delete('a'), { code: 'HostUnreachable' })
    await driver.delete('a')
    assert.deepEqual(cloud.remains(), [])
  })

  it('gives up on a server that does not go', async () => {
    const driver = scratch.driver()
    await driver.create(scratch.spec('a'))
    scratch.cloud.delays.gone = 10_000_000
    await assert.rejects(driver.delete('a'), { code: 'CommandTimeout', retryable: true })
    assert.ok(count(scratch.cloud, 'DELETE /servers/') === 1)
  })

  it('refuses an id that Nova could not carry as a tag', async () => {
    await assert.rejects(scratch.driver().delete('x'.repeat(48)), { code: 'InvalidRequest' })
    await assert.rejects(scratch.driver().delete('a,b'), { code: 'InvalidRequest' })
  })
})
