import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import type { Ec2Settings } from '../../../src/config/drivers/ec2.ts'
import { map, maps, text } from '../../fakes/ec2/query.ts'
import { Ec2Site, ec2Spec, SleeperClock } from './site.ts'

let site: Ec2Site
let clock: SleeperClock
beforeEach(async () => {
  clock = new SleeperClock()
  site = await Ec2Site.start(clock)
  for (const [place, price] of Object.entries({
    'c7i.large/eu-test-1a': 0.04,
    'c7i.large/eu-test-1b': 0.03,
    'c6i.large/eu-test-1a': 0.05,
    'c6i.large/eu-test-1b': 0.02,
  })) {
    site.cloud.spotPrices.set(place, price)
  }
})
afterEach(() => site.close())

const a = 'eu-test-1a'
const b = 'eu-test-1b'

/** A driver whose type buys so. */
function buying(standard: Partial<Ec2Settings['types'][string]>, over: Partial<Ec2Settings> = {}) {
  const types = { standard: { instanceTypes: ['c7i.large', 'c6i.large'], market: 'spot' as const, ...standard } }
  return site.driver({ settings: { ...site.settings, types, ...over } })
}

/** TYPE/ZONE/MARKET of each RunInstances call, in order. */
function tried(): string[] {
  return site.api.calls
    .filter(({ action }) => action === 'RunInstances')
    .map(({ parameters }) => {
      const zone = site.cloud.subnets.get(text(maps(parameters['NetworkInterface'])[0]?.['SubnetId']))
      const market = text(map(parameters['InstanceMarketOptions'])['MarketType']) || 'on-demand'
      return `${text(parameters['InstanceType'])}/${zone}/${market}`
    })
}

test('the cheapest is bought first, and the next where it is sold out', async () => {
  site.cloud.soldOut.add(`c6i.large/${b}/spot`).add(`c7i.large/${b}/spot`)
  const machine = await buying({}).create(ec2Spec('x'))
  assert.equal(machine.host, a)
  assert.deepEqual(tried(), [`c6i.large/${b}/spot`, `c7i.large/${b}/spot`, `c7i.large/${a}/spot`])
})

test('spot-first buys on demand only when no spot machine is to be had, in the order of the prices in the file', async () => {
  const driver = buying({ market: 'spot-first' })
  for (const type of ['c7i.large', 'c6i.large']) {
    for (const zone of [a, b]) site.cloud.soldOut.add(`${type}/${zone}/spot`)
  }
  await driver.create(ec2Spec('x'))
  assert.deepEqual(tried().slice(4), [`c6i.large/${a}/on-demand`])
})

test('without prices the order is that of the configuration', async () => {
  site.cloud.soldOut.add(`c7i.large/${a}/on-demand`).add(`c7i.large/${b}/on-demand`)
  await buying({ market: 'on-demand' }, { prices: {} }).create(ec2Spec('x'))
  assert.deepEqual(tried(), [`c7i.large/${a}/on-demand`, `c7i.large/${b}/on-demand`, `c6i.large/${a}/on-demand`])
})

test('what was sold out is passed over for two minutes, unless all was', async () => {
  const driver = buying({})
  site.cloud.soldOut.add(`c6i.large/${b}/spot`)
  await driver.create(ec2Spec('x'))
  await driver.create(ec2Spec('y'))
  assert.deepEqual(tried().slice(2), [`c7i.large/${b}/spot`])
  site.cloud.soldOut.clear()
  await clock.sleep(120_001)
  await driver.create(ec2Spec('z'))
  assert.deepEqual(tried().slice(3), [`c6i.large/${b}/spot`])
  site.cloud.quota = 3
  for (const id of ['v', 'w']) await assert.rejects(driver.create(ec2Spec(id)), { code: 'QuotaExceeded' })
  site.cloud.quota = 4
  await driver.create(ec2Spec('w'))
})

test('sold out everywhere is InsufficientCapacity and names each; quotas alone are QuotaExceeded', async () => {
  const driver = buying({})
  site.cloud.quota = 0
  await assert.rejects(driver.create(ec2Spec('x')), { code: 'QuotaExceeded' })
  site.cloud.quota = Infinity
  for (const kind of ['c7i.large', 'c6i.large']) {
    for (const zone of [a, b]) site.cloud.soldOut.add(`${kind}/${zone}/spot`)
  }
  await assert.rejects(driver.create(ec2Spec('x')), {
    code: 'InsufficientCapacity',
    message: /nothing to be had for node-x: .*c6i\.large.*c7i\.large/,
  })
})

test('a spot machine is asked for once, ends when it is interrupted, and costs at most what the type says', async () => {
  await buying({ maxPrice: 0.06 }).create(ec2Spec('x'))
  const { parameters } = site.api.calls.find(({ action }) => action === 'RunInstances') ?? assert.fail()
  assert.deepEqual(map(map(parameters['InstanceMarketOptions'])['SpotOptions']), {
    SpotInstanceType: 'one-time',
    InstanceInterruptionBehavior: 'terminate',
    MaxPrice: '0.06',
  })
})

test('the notice of a spot interruption is told with its time, and scheduled events are', async () => {
  const driver = buying({})
  for (const id of ['x', 'y', 'z']) await driver.create(ec2Spec(id))
  const atMs = clock.now() + 120_000
  site.cloud.ofId('x').announced = { atMs, reason: 'price', how: 'spot' }
  site.cloud.ofId('y').announced = { atMs: atMs + 86_400_000, reason: 'degraded hardware', how: 'event' }
  const { machines } = await driver.list()
  assert.deepEqual(Object.fromEntries(machines.map(({ id, leaving }) => [id, leaving])), {
    x: { atMs, reason: 'spot interruption: Your Spot Instance is marked-for-termination' },
    y: { atMs: atMs + 86_400_000, reason: 'instance-retirement: degraded hardware' },
    z: null,
  })
})

test('capacity tells offers by zone and market with their prices, and asks for them once an hour', async () => {
  site.cloud.kinds.set('g5.xlarge', { cpus: 4, memoryMiB: 16_384, gpus: 1 })
  site.cloud.pageSize = 2
  const types: Ec2Settings['types'] = {
    standard: { instanceTypes: ['c7i.large'], market: 'spot-first' },
    gpu: { instanceTypes: ['g5.xlarge'], market: 'on-demand' },
  }
  const driver = site.driver({ settings: { ...site.settings, types } })
  const { offers, hosts, machinesLeft } = await driver.capacity()
  const c7i = { name: 'c7i.large', cpus: 2, memoryMiB: 4096, gpus: 0 }
  const g5 = { name: 'g5.xlarge', cpus: 4, memoryMiB: 16_384, gpus: 1, interruptible: false, pricePerHour: null }
  assert.deepEqual(offers, [
    { ...c7i, zone: a, pricePerHour: 0.0892, interruptible: false },
    { ...c7i, zone: a, pricePerHour: 0.04, interruptible: true },
    { ...c7i, zone: b, pricePerHour: 0.0892, interruptible: false },
    { ...c7i, zone: b, pricePerHour: 0.03, interruptible: true },
    { ...g5, zone: a },
    { ...g5, zone: b },
  ])
  assert.deepEqual(
    hosts.map(({ host, closed }) => [host, closed]),
    [
      [a, null],
      [b, null],
    ],
  )
  assert.equal(machinesLeft, null)
  const asked = () => site.api.count('DescribeSpotPriceHistory')
  await driver.capacity()
  assert.equal(asked(), 1)
  site.cloud.spotPrices.set(`c7i.large/${a}`, 0.07)
  await clock.sleep(3_600_001)
  assert.equal((await driver.capacity()).offers[1]?.pricePerHour, 0.07)
})

test('a zone whose subnet is elsewhere is closed, and a type that fits no instance type is refused by its place', async () => {
  const zones = { [a]: 'subnet-0000000b', [b]: 'subnet-0000000b' }
  const { hosts } = await buying({}, { zones }).capacity()
  assert.equal(hosts[0]?.closed, `subnet-0000000b is in ${b}: correct it under driver.zones`)
  await assert.rejects(buying({}).create(ec2Spec('x', { memoryMiB: 4097 })), {
    code: 'InvalidRequest',
    message: /none of c7i.large, c6i.large has 2 CPUs and 4097 MiB .* sites.cloud.driver.types.standard/,
  })
  await assert.rejects(buying({}).create(ec2Spec('x', { type: 'gpu' })), {
    code: 'InvalidRequest',
    message: /add sites.cloud.driver.types.gpu/,
  })
})
