import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { CausewayError } from '../../../src/base/errors.ts'
import { longestUserData } from '../../../src/sites/openstack/user-data.ts'
import { breakOnce, count, cutAfter, cutBefore, instead } from './faults.ts'
import { ScratchCloud } from './scratch-cloud.ts'

describe('OpenStackDriver.create', () => {
  let scratch: ScratchCloud
  beforeEach(async () => {
    scratch = await ScratchCloud.create()
  })
  afterEach(() => scratch.close())

  /** Expects a refusal, and that nothing of the machine stays. */
  async function refuses(expected: Partial<CausewayError>, message: RegExp, driver = scratch.driver()): Promise<void> {
    await assert.rejects(driver.create(scratch.spec('a')), (error: CausewayError) => {
      assert.deepEqual({ ...expected, ...pick(error, Object.keys(expected)) }, expected)
      assert.match(error.message, message)
      return true
    })
    assert.deepEqual(scratch.cloud.remains(), [])
  }

  it('asks for a server as Nova wants it, stamped, with a port of its own on the configured network', async () => {
    const { cloud } = scratch
    const group = '0fd77252-4eef-4ec4-ae9b-e05dfc98aeac'
    const driver = scratch.driver({ types: { standard: { flavor: 'm1.large', serverGroup: group } } })
    const machine = await driver.create(scratch.spec('a'))
    const server = cloud.serverOf('a')
    const { user_data, ...body } = server.body
    assert.deepEqual(body, {
      name: 'node-a',
      availability_zone: server.zone,
      flavorRef: '2',
      imageRef: cloud.images[0]?.id,
      networks: [{ port: server.portId }],
      config_drive: true,
      metadata: { causeway_id: 'a', causeway_name: 'node-a', causeway_cluster: 'lab', causeway_zone: server.zone },
      tags: ['causeway-id:a', 'causeway-cluster:lab'],
    })
    assert.deepEqual(server.hints, { group })
    assert.match(
      Buffer.from(String(user_data), 'base64').toString(),
      /^#cloud-config\n[\s\S]*\/var\/lib\/causeway\/seed/,
    )
    assert.deepEqual(cloud.ports.get(server.portId)?.body, {
      name: 'causeway-a',
      description: 'node of Causeway cluster lab',
      network_id: cloud.network,
      admin_state_up: true,
    })
    assert.deepEqual(machine.address, cloud.ports.get(server.portId)?.addresses[0])
    assert.equal(machine.host, server.zone)
  })

  it('gives a port on a bridged network the MAC and the addresses that the machine has in the segment', async () => {
    const { cloud } = scratch
    const port = { network: cloud.network, subnet: cloud.subnet, security: true, securityGroups: ['g'] }
    const spec = scratch.spec('a')
    const nic = { ...spec.nic, ipv6: { address: 'fd77::a/64', router: 'fd77::1' } }
    const machine = await scratch.driver({ network: 'bridged', port }).create({ ...spec, nic })
    const { name: _, description: __, ...body } = [...cloud.ports.values()][0]?.body ?? {}
    assert.deepEqual(body, {
      network_id: cloud.network,
      admin_state_up: true,
      mac_address: nic.mac,
      fixed_ips: [{ subnet_id: cloud.subnet, ip_address: nic.address.split('/')[0] }],
      security_groups: ['g'],
      allowed_address_pairs: [{ ip_address: 'fd77::a' }],
    })
    assert.equal(machine.address, null)
  })

  it('asks Neutron not to filter a port where the configuration says so', async () => {
    const port = { network: scratch.cloud.network, security: false, securityGroups: [] }
    await scratch.driver({ port }).create(scratch.spec('a'))
    assert.equal([...scratch.cloud.ports.values()][0]?.body.port_security_enabled, false)
  })

  it('has the root disk made as a volume that goes with the server where the configuration says so', async () => {
    const { cloud } = scratch
    const volume = { size: 20.5 * 2 ** 30, type: 'ssd' }
    await scratch.driver({ types: { standard: { volume } } }).create(scratch.spec('a'))
    const { imageRef, block_device_mapping_v2: disks } = cloud.serverOf('a').body
    assert.equal(imageRef, undefined)
    assert.deepEqual(disks, [
      {
        boot_index: 0,
        source_type: 'image',
        uuid: cloud.images[0]?.id,
        destination_type: 'volume',
        volume_size: 21,
        delete_on_termination: true,
        volume_type: 'ssd',
      },
    ])
  })

  it('compresses a seed that is too long as text', async () => {
    const content = 'a line of a script that is much the same\n'.repeat(3000)
    const spec = scratch.spec('a')
    await scratch.driver().create({ ...spec, seed: [{ path: 'boot', mode: 0o755, content }] })
    const sent = String(scratch.cloud.serverOf('a').body.user_data)
    assert.ok(sent.length <= longestUserData)
    assert.match(gunzipSync(Buffer.from(sent, 'base64')).toString(), /^#cloud-config/)
  })

  it('refuses a seed that is too long however it is written, says how long it is, and quotes none of it', async () => {
    const content = randomBytes(60_000).toString('base64')
    const spec = { ...scratch.spec('a'), seed: [{ path: 'boot', mode: 0o755, content }] }
    await assert.rejects(scratch.driver().create(spec), (error: CausewayError) => {
      assert.equal(error.code, 'InvalidRequest')
      const [, size] = /user data of (\d+) characters/.exec(error.message) ?? []
      assert.ok(Number(size) > longestUserData)
      assert.ok(error.message.length < 400)
      return true
    })
    assert.deepEqual(scratch.cloud.remains(), [])
  })

  it('tries the next zone where no host has room, and leaves nothing in the first', async () => {
    const { cloud } = scratch
    cloud.fullZones.add('zone-a')
    const machines = await Promise.all(['a', 'b', 'c', 'd'].map((id) => scratch.driver().create(scratch.spec(id))))
    assert.deepEqual(new Set(machines.map(({ host }) => host)), new Set(['zone-b']))
    assert.equal(cloud.remains().length, 8)
    assert.ok(count(cloud, 'POST /servers') > 4)
    assert.deepEqual(cloud.doubles, [])
  })

  it('tells that no zone has room', async () => {
    scratch.cloud.fullZones.add('zone-a').add('zone-b')
    await refuses({ code: 'InsufficientCapacity', retryable: true }, /No valid host was found/)
    assert.equal(count(scratch.cloud, 'POST /servers'), 2)
  })

  it('uses only the zones of the configuration', async () => {
    const { host } = await scratch.driver({ zones: ['zone-b'] }).create(scratch.spec('a'))
    assert.equal(host, 'zone-b')
    const gone = scratch.driver({ zones: ['zone-z'] })
    await assert.rejects(gone.create(scratch.spec('b')), { code: 'InsufficientCapacity' })
  })

  it('tells a quota of servers, of ports, and one that Nova finds out about later', async () => {
    const { cloud } = scratch
    cloud.instances = 0
    await refuses({ code: 'QuotaExceeded', retryable: false }, /Quota exceeded for instances: Requested 1/)
    cloud.instances = 100
    cloud.portQuota = 0
    await refuses({ code: 'QuotaExceeded' }, /Quota exceeded for resources/)
    cloud.portQuota = Infinity
    breakOnce(cloud, 'POST /servers', instead(413, { overLimit: { code: 413, message: 'Quota exceeded for ram' } }))
    await refuses({ code: 'QuotaExceeded' }, /Quota exceeded for ram/)
  })

  it('tells a server that can not be built, and removes it', async () => {
    const { cloud } = scratch
    cloud.delays.built = 50
    const driver = scratch.driver()
    const looked = cloud.interfere
    cloud.interfere = (asked) => {
      for (const server of cloud.servers.values()) server.fault = 'Build of instance was aborted: disk too small'
      return looked(asked)
    }
    await refuses({ code: 'CommandFailed' }, /could not be built: Build of instance was aborted/, driver)
  })

  it('passes on how long to wait when it asks too often, and removes the port', async () => {
    breakOnce(
      scratch.cloud,
      'POST /servers',
      instead(429, { overLimit: { code: 429, message: 'Slow' } }, { 'retry-after': '12' }),
    )
    await refuses({ code: 'RateLimited', retryable: true, facts: { status: 429, retryAfterMs: 12_000 } }, /429 Slow/)
  })

  it('tells what it may not do, and what does not exist', async () => {
    const { cloud } = scratch
    const forbidden = {
      forbidden: { code: 403, message: "Policy doesn't allow os_compute_api:servers:create to be performed." },
    }
    breakOnce(cloud, 'POST /servers', instead(403, forbidden))
    await refuses({ code: 'Unauthorized' }, /Policy doesn't allow/)
    await refuses({ code: 'InvalidRequest' }, /no flavor m9/, scratch.driver({ flavor: 'm9' }))
    const small = scratch.driver()
    const large = { ...scratch.spec('a'), cpus: 4 }
    await assert.rejects(small.create(large), { code: 'InvalidRequest', message: /m1.small has 1 CPUs and 2048 MiB/ })
    cloud.images.length = 0
    await refuses({ code: 'ImageMissing', retryable: false }, /no image debian/)
  })

  it('goes on with a server whose answer was lost', async () => {
    const { cloud } = scratch
    for (const fault of [
      cutAfter,
      { moment: 'after', answer: { status: 504, body: '<html>Gateway Timeout</html>' } },
    ] as const) {
      breakOnce(cloud, 'POST /servers', fault)
      const driver = scratch.driver()
      assert.equal((await driver.create(scratch.spec('a'))).state, 'running')
      assert.equal(cloud.servers.size, 1)
      await driver.delete('a')
    }
  })

  it('goes on with a port whose answer was lost', async () => {
    breakOnce(scratch.cloud, 'POST /ports', cutAfter)
    await scratch.driver().create(scratch.spec('a'))
    assert.equal(scratch.cloud.ports.size, 1)
  })

  it('makes no second server while it is open whether there is a first, also as another process', async () => {
    const { cloud, clock } = scratch
    cloud.delays = { listed: 20_000, bound: 10_000, built: 30_000, gone: 0 }
    breakOnce(cloud, 'POST /servers', cutAfter)
    await assert.rejects(scratch.driver().create(scratch.spec('a')), { code: 'HostUnreachable' })
    await assert.rejects(scratch.driver().create(scratch.spec('a')), (error: CausewayError) => {
      assert.equal(error.code, 'HostUnreachable')
      assert.equal(error.facts.retryAfterMs, 60_000)
      return true
    })
    await assert.rejects(scratch.driver().delete('a'), { code: 'HostUnreachable' })
    clock.skip(10_000)
    // Its port tells it now, though no list does.
    assert.equal((await scratch.driver().create(scratch.spec('a'))).state, 'running')
    assert.equal(count(cloud, 'POST /servers'), 1)
  })

  it('makes port and server anew once it is known that no server comes', async () => {
    const { cloud, clock } = scratch
    breakOnce(cloud, 'POST /servers', cutBefore)
    const driver = scratch.driver()
    await assert.rejects(driver.create(scratch.spec('a')), { code: 'HostUnreachable' })
    const [port] = cloud.ports.keys()
    clock.skip(60_000)
    await driver.create(scratch.spec('a'))
    assert.equal(cloud.ports.size, 1)
    assert.ok(!cloud.ports.has(port ?? ''))
  })

  it('waits for a server that is being built, asked again or not', async () => {
    const { cloud, clock } = scratch
    cloud.delays.built = 1_000_000
    const driver = scratch.driver()
    await assert.rejects(driver.create(scratch.spec('a')), { code: 'CommandTimeout', message: /within 900 s/ })
    const zone = cloud.serverOf('a').zone
    assert.deepEqual(
      (await driver.list()).machines.map(({ state, host }) => [state, host]),
      [['running', zone]],
    )
    clock.skip(95_000)
    assert.equal((await driver.create(scratch.spec('a'))).state, 'running')
    assert.equal(count(cloud, 'POST /servers'), 1)
  })

  it('tells when somebody deletes a server that is being built', async () => {
    const { cloud } = scratch
    cloud.delays.built = 60_000
    cloud.interfere = ({ method, path }) => {
      if (method === 'GET' && path.startsWith('/servers/') && path !== '/servers/detail') cloud.servers.clear()
      return null
    }
    await assert.rejects(scratch.driver().create(scratch.spec('a')), { code: 'CommandFailed', retryable: true })
  })

  it('takes an answer that is none for open, and quotes nothing of it', async () => {
    const { cloud } = scratch
    breakOnce(cloud, 'POST /servers', {
      moment: 'before',
      answer: { status: 202, body: { server: { adminPass: 'hush' } } },
    })
    await assert.rejects(scratch.driver().create(scratch.spec('a')), (error: CausewayError) => {
      assert.equal(error.code, 'MalformedOutput')
      assert.doesNotMatch(error.message, /hush/)
      return true
    })
    assert.equal(cloud.ports.size, 1)
  })

  it('says what is still there when it could not be removed', async () => {
    const { cloud } = scratch
    cloud.instances = 0
    breakOnce(cloud, 'DELETE /ports/', instead(503))
    await assert.rejects(scratch.driver().create(scratch.spec('a')), {
      code: 'HostUnreachable',
      message: /Quota exceeded.*still there.*503/,
    })
  })
})

function pick(value: object, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, (value as Record<string, unknown>)[key]]))
}
