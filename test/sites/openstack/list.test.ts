import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { CausewayError } from '../../../src/base/errors.ts'
import { breakOnce, cutBefore, instead } from './faults.ts'
import { ScratchCloud } from './scratch-cloud.ts'

describe('OpenStackDriver.list, console and capacity', () => {
  let scratch: ScratchCloud
  beforeEach(async () => {
    scratch = await ScratchCloud.create()
  })
  afterEach(() => scratch.close())

  const ids = async () => (await scratch.driver().list()).machines.map(({ id }) => id).toSorted()

  it('reads all pages, also when one ends with what is deleted meanwhile', async () => {
    const { cloud } = scratch
    cloud.pageSize = 2
    const all = ['a', 'b', 'c', 'd', 'e']
    for (const id of all) await scratch.driver().create(scratch.spec(id))
    assert.deepEqual(await ids(), all)
    cloud.interfere = ({ query, path }) => {
      const marker = query.get('marker')
      if (path !== '/servers/detail' || marker === null) return null
      cloud.servers.delete(marker)
      cloud.interfere = () => null
      return null
    }
    assert.deepEqual(await ids(), ['a', 'c', 'd', 'e'])
  })

  it('lists a server that Nova leaves out of its lists for a while', async () => {
    const { cloud } = scratch
    cloud.delays.listed = 1_000_000
    await scratch.driver().create(scratch.spec('a'))
    assert.deepEqual(await ids(), ['a'])
  })

  it('leaves out what is not ours', async () => {
    const { cloud } = scratch
    await scratch.driver().create(scratch.spec('a'))
    const server = cloud.serverOf('a')
    cloud.servers.set('foreign', { ...server, id: 'foreign', metadata: {}, portId: '' })
    assert.deepEqual(await ids(), ['a'])
  })

  it('takes states for what they are', async () => {
    const driver = scratch.driver()
    await driver.create(scratch.spec('a'))
    const states = []
    for (const status of ['REBOOT', 'VERIFY_RESIZE', 'SHUTOFF', 'PAUSED', 'SHELVED_OFFLOADED', 'ERROR', 'NEW_TO_US']) {
      scratch.cloud.serverOf('a').status = status
      states.push((await driver.list()).machines[0]?.state)
    }
    assert.deepEqual(states, ['running', 'running', 'stopped', 'stopped', 'stopped', 'stopped', 'stopped'])
  })

  it('rejects when it could not read all, and with what stood in the way', async () => {
    const { cloud } = scratch
    await scratch.driver().create(scratch.spec('a'))
    const faults = [
      [cutBefore, 'HostUnreachable'],
      [instead(500, { computeFault: { code: 500, message: 'Unexpected API Error.' } }), 'HostUnreachable'],
      [instead(503, '<html><body>No server is available</body></html>'), 'HostUnreachable'],
      [instead(200, '<html>not what was asked for</html>'), 'MalformedOutput'],
      [instead(200, { servers: [{ id: 7 }] }), 'MalformedOutput'],
      [instead(403, { forbidden: { code: 403, message: 'no' } }), 'Unauthorized'],
      [instead(413, { overLimit: { code: 413, message: 'over' } }, { 'retry-after': '3' }), 'RateLimited'],
    ] as const
    for (const [fault, code] of faults) {
      breakOnce(cloud, 'GET /servers/detail', fault)
      await assert.rejects(scratch.driver().list(), (error: CausewayError) => error.code === code, code)
    }
    cloud.interfere = ({ path }) => (path === '/ports' ? cutBefore : null)
    await assert.rejects(scratch.driver().list(), { code: 'HostUnreachable' })
  })

  it('names the site and the question in its messages, and what a proxy says without its markup', async () => {
    breakOnce(scratch.cloud, 'GET /servers/detail', instead(503, '<html><h1>No server</h1> is available</html>'))
    await assert.rejects(scratch.driver().list(), {
      message: 'cloudy: compute GET /servers/detail: 503 No server is available',
    })
  })

  it('rejects as a whole where it is not known which zone has what can not be read', async () => {
    const { cloud } = scratch
    await scratch.driver().create(scratch.spec('a'))
    const { id } = cloud.serverOf('a')
    cloud.darkZones.add('zone-a').add('zone-b')
    breakOnce(
      cloud,
      `GET /servers/${id}`,
      instead(200, { server: { id, status: 'UNKNOWN', 'OS-EXT-AZ:availability_zone': 'UNKNOWN' } }),
    )
    await assert.rejects(scratch.driver().list(), { code: 'HostUnreachable', message: /can't reach the cell/ })
  })

  it('has no console of a server that is not built', async () => {
    scratch.cloud.delays.built = 2_000_000
    const driver = scratch.driver()
    await assert.rejects(driver.create(scratch.spec('a')), { code: 'CommandTimeout' })
    assert.equal(await driver.console('a'), '')
  })

  it('gives the end of a console in whole characters', async () => {
    const driver = scratch.driver()
    await driver.create(scratch.spec('a'))
    scratch.cloud.serverOf('a').printed = `x${'ü'.repeat(40_000)}`
    const text = await driver.console('a')
    assert.equal(text, 'ü'.repeat(32_768))
  })

  it('offers the flavors, and counts what the quota leaves for the smallest that is used', async () => {
    const { cloud } = scratch
    cloud.pageSize = 1
    cloud.instances = 1000
    const driver = scratch.driver({ flavor: 'm1.large', types: { gpu: { flavor: '3' } } })
    const { offers, machinesLeft, hosts } = await driver.capacity()
    assert.deepEqual(
      offers.map(({ name, cpus, memoryMiB, gpus }) => [name, cpus, memoryMiB, gpus]),
      [
        ['m1.small', 1, 2048, 0],
        ['m1.large', 4, 8192, 0],
        ['g1.large', 8, 65_536, 2],
      ],
    )
    // 1 000 000 MiB in pieces of 8192.
    assert.equal(machinesLeft, 122)
    assert.deepEqual(
      hosts.map(({ host }) => host),
      ['zone-a', 'zone-b'],
    )
  })
})
