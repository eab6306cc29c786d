import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contradictions } from '../../src/config/contradictions.ts'
import { ControllerConfigSchema } from '../../src/config/controller-schema.ts'
import { parseYaml } from '../../src/config/yaml.ts'
import { configText } from '../support/controller-config.ts'

const least = {
  kind: 'ec2',
  region: 'eu-central-1',
  image: 'ami-0123456789abcdef0',
  zones: { 'eu-central-1a': 'subnet-0123456789abcdef0' },
  securityGroups: ['sg-0123456789abcdef0'],
  types: { standard: { instanceTypes: ['c7i.large'] } },
}

function load(driver: object) {
  const text = configText({ driver: JSON.stringify(driver) })
  const { driver: loaded } = parseYaml(text, 'c.yaml', ControllerConfigSchema, contradictions).sites['east'] ?? {}
  assert.ok(loaded?.kind === 'ec2')
  return loaded
}

test('the least driver of EC2 is filled with defaults that are safe', () => {
  const { publicAddress, sourceDestCheck, rootDisk, prices, pace, types } = load(least)
  assert.deepEqual([publicAddress, sourceDestCheck], [false, true])
  assert.deepEqual(rootDisk, { type: 'gp3', encrypted: true })
  assert.deepEqual(prices, {})
  assert.deepEqual(pace, { inFlight: 64, perSecond: 2, burst: 5 })
  assert.deepEqual(types, { standard: { instanceTypes: ['c7i.large'], market: 'on-demand' } })
})

test('all that can be said of a driver of EC2 is taken, sizes in bytes', () => {
  const driver = load({
    ...least,
    image: '136693071363/debian-13-amd64-*',
    credentials: { file: '/etc/causeway/aws' },
    endpoint: 'https://ec2.example.org',
    rootDisk: { size: '20GiB', type: 'io2', encrypted: false, kmsKey: 'alias/nodes' },
    prices: { 'c7i.large': 0.0892 },
    types: { standard: { instanceTypes: ['c7i.large', 'u-6tb1.112xlarge'], market: 'spot-first', maxPrice: 0.05 } },
  })
  assert.equal(driver.credentials?.profile, 'default')
  assert.equal(driver.rootDisk.size, 20 * 1024 ** 3)
})

for (const [what, change, says] of [
  ['an image that is none', { image: 'debian' }, /driver\.image: expected an AMI: ami-/],
  ['a subnet that is none', { zones: { a: 'net-1' } }, /driver\.zones\.a: expected a subnet such as/],
  ['no zone', { zones: {} }, /driver\.zones: expected at least 1 entries/],
  ['no security group', { securityGroups: [] }, /driver\.securityGroups: expected a list of at least one/],
  ['an unknown key', { subnet: 'x' }, /driver\.subnet: unknown key/],
  [
    'a node type without instance types',
    { types: { big: least.types.standard } },
    /types\.standard: missing; expected the instance types/,
  ],
  [
    'a type that the site does not have',
    { types: { ...least.types, big: least.types.standard } },
    /types\.big: the site has no node type of this name; it has standard/,
  ],
  [
    'a spot price on demand',
    { types: { standard: { instanceTypes: ['c7i.large'], maxPrice: 0.1 } } },
    /types\.standard\.maxPrice: only spot machines have one/,
  ],
] as const) {
  test(`${what} is refused, with its place`, () => {
    assert.throws(() => load({ ...least, ...change }), { code: 'InvalidConfig', message: says })
  })
}
