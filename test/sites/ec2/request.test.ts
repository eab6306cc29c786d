import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { afterEach, beforeEach, test } from 'node:test'
import { silentLog } from '../../../src/base/log.ts'
import { driverOf } from '../../../src/cli/drivers.ts'
import type { ControllerConfig } from '../../../src/config/controller-schema.ts'
import { compactUserData } from '../../../src/sites/cloud-init/no-cloud.ts'
import { map, maps, type Parameters, text } from '../../fakes/ec2/query.ts'
import { Refusal } from '../../fakes/ec2/refusal.ts'
import { tagsFor } from '../../fakes/ec2/run-instances.ts'
import { Ec2Site, ec2Spec, SleeperClock } from './site.ts'

let site: Ec2Site
beforeEach(async () => {
  site = await Ec2Site.start(new SleeperClock())
})
afterEach(() => site.close())

function request(): Parameters {
  return site.api.calls.find(({ action }) => action === 'RunInstances')?.parameters ?? assert.fail('nothing was made')
}

test('the SDK is loaded by the first call, not by a controller that has such a site', async () => {
  const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('client-ec2'))
  const sites = { cloud: { driver: { kind: 'ec2', ...site.settings } } }
  const config = { cluster: { name: 'lab' }, sites } as unknown as ControllerConfig
  const driver = driverOf(config, 'cloud', new Map(), silentLog)
  // Nothing before in this file has made a call.
  assert.deepEqual(loaded(), [])
  assert.deepEqual(await driver.list(), { machines: [], unread: [] })
  assert.notDeepEqual(loaded(), [])
  await driver.close()
})

test('a machine gets its seed, its tags on all that it owns, an encrypted disk, and metadata of version 2 only', async () => {
  const spec = ec2Spec('x')
  const rootDisk = { type: 'gp3', encrypted: true, size: 20 * 1024 ** 3 + 1, kmsKey: 'alias/nodes' }
  const machine = await site.driver({ settings: { ...site.settings, rootDisk } }).create(spec)
  const parameters = request()
  assert.equal(text(parameters['UserData']), Buffer.from(compactUserData(spec)).toString('base64'))
  const tags = { Name: 'node-x', id: 'x', name: 'node-x', cluster: 'lab', site: 'cloud' }
  for (const resource of ['instance', 'volume', 'network-interface']) {
    const found = [...tagsFor(parameters, resource)].map(([key, value]) => [key.replace('causeway:', ''), value])
    assert.deepEqual(Object.fromEntries(found), tags)
  }
  const [disk = {}] = maps(parameters['BlockDeviceMapping'])
  assert.equal(text(disk['DeviceName']), '/dev/xvda')
  assert.deepEqual(map(disk['Ebs']), {
    DeleteOnTermination: 'true',
    Encrypted: 'true',
    VolumeType: 'gp3',
    VolumeSize: '21',
    KmsKeyId: 'alias/nodes',
  })
  assert.deepEqual(map(parameters['MetadataOptions']), {
    HttpEndpoint: 'enabled',
    HttpTokens: 'required',
    HttpPutResponseHopLimit: '1',
  })
  assert.equal(text(parameters['InstanceInitiatedShutdownBehavior']), 'terminate')
  assert.deepEqual(map(maps(parameters['NetworkInterface'])[0]), {
    AssociatePublicIpAddress: 'false',
    DeleteOnTermination: 'true',
    DeviceIndex: '0',
    SubnetId: 'subnet-0000000a',
    SecurityGroupId: ['sg-00000001'],
  })
  assert.equal(machine.address, site.cloud.ofId('x').address)
})

test('the source and destination check is switched off, also where that failed at first, unless it is to stay', async () => {
  let failing = true
  site.api.interfere = ({ action }) => (failing && action === 'ModifyNetworkInterfaceAttribute' ? 'cut before' : null)
  const driver = site.driver()
  await assert.rejects(driver.create(ec2Spec('x')), { code: 'HostUnreachable' })
  failing = false
  site.cloud.lagMs = () => 3000
  await driver.create(ec2Spec('x'))
  assert.equal(site.cloud.ofId('x').sourceDestCheck, false)
  await site.driver({ settings: { ...site.settings, sourceDestCheck: true } }).create(ec2Spec('y'))
  assert.equal(site.cloud.ofId('y').sourceDestCheck, true)
})

test('a seed that EC2 would not take is refused with its size and its largest file, before anything is made', async () => {
  const spec = ec2Spec('x')
  const large = { path: 'snippet', mode: 0o600, content: randomBytes(16_384).toString('base64') }
  await assert.rejects(site.driver().create({ ...spec, seed: [...spec.seed, large] }), {
    code: 'InvalidRequest',
    message: /has \d+ bytes compressed, and EC2 takes 16384: the largest file is snippet with 21848;/,
  })
  assert.equal(site.api.count('RunInstances'), 0)
  const even = { path: 'hosts', mode: 0o600, content: '10.77.1.1 node\n'.repeat(20_000) }
  await site.driver().create({ ...spec, seed: [...spec.seed, even] })
})

test('an image is found by its digest and by its name, the newest first, and only when it is ready', async () => {
  const [[, image] = assert.fail()] = site.cloud.images
  const name = 'debian-13-20261101'
  site.cloud.images.set('ami-00000002', { ...image, name, created: '2026-11-01T00:00:00.000Z', tags: new Map() })
  site.cloud.images.set('ami-00000003', { ...image, name: 'debian-13-20261001', tags: new Map() })
  site.cloud.images.set('ami-00000004', {
    ...image,
    name: 'debian-13-20261201',
    created: '2026-12-01T00:00:00.000Z',
    state: 'pending',
    tags: new Map(),
  })
  const made = async (id: string, wanted: string) => {
    await site.driver().create(ec2Spec(id, { image: wanted }))
    return site.cloud.ofId(id).imageId
  }
  assert.equal(await made('x', `sha256:${'1'.repeat(64)}`), 'ami-00000001')
  assert.equal(await made('y', '111122223333/debian-13-*'), 'ami-00000002')
  assert.equal(await made('z', 'self/debian-13-*'), 'ami-00000002')
  const missing = { code: 'ImageMissing', retryable: false }
  await assert.rejects(made('w', 'ami-00000004'), { ...missing, message: /ami-00000004 is pending/ })
  await assert.rejects(made('w', 'ami-0000000f'), missing)
  await assert.rejects(made('w', `sha256:${'2'.repeat(64)}`), missing)
  await assert.rejects(made('w', 'amazon/debian-13-*'), missing)
})

test('an image that is taken away is looked for anew', async () => {
  const driver = site.driver()
  const [[, image] = assert.fail()] = site.cloud.images
  const wanted = `sha256:${'1'.repeat(64)}`
  await driver.create(ec2Spec('x', { image: wanted }))
  site.cloud.images.delete('ami-00000001')
  site.cloud.images.set('ami-00000002', image)
  await assert.rejects(driver.create(ec2Spec('y', { image: wanted })), { code: 'ImageMissing' })
  await driver.create(ec2Spec('y', { image: wanted }))
  assert.equal(site.cloud.ofId('y').imageId, 'ami-00000002')
})

test('a list goes through all pages, and leaves out machines of another site of the cluster', async () => {
  site.cloud.pageSize = 2
  const driver = site.driver()
  const ids = ['a', 'b', 'c', 'd', 'e']
  for (const id of ids) await driver.create(ec2Spec(id))
  await site.driver({ site: 'cloud-2' }).create(ec2Spec('f'))
  const { machines } = await site.driver().list()
  assert.deepEqual(
    machines.map(({ id }) => id),
    ids,
  )
})

test('the console of a machine that keeps only the last start is shown, and no half characters', async () => {
  const driver = site.driver()
  await driver.create(ec2Spec('x'))
  site.api.interfere = ({ action, parameters }) =>
    action === 'GetConsoleOutput' && 'Latest' in parameters ? new Refusal('UnsupportedOperation') : null
  assert.equal(await driver.console('x'), 'hello from node-x\n')
  site.cloud.ofId('x').printed = 'ä'.repeat(65_536)
  const shown = await driver.console('x')
  assert.equal(shown, 'ä'.repeat(32_768))
  site.cloud.ofId('x').printed = '\0\xff'.repeat(10)
  assert.equal(await driver.console('x'), '\0\xff'.repeat(10))
})
