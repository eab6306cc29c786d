import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stringify } from 'yaml'
import { contradictions } from '../../src/config/contradictions.ts'
import { ControllerConfigSchema } from '../../src/config/controller-schema.ts'
import { parseYaml } from '../../src/config/yaml.ts'

const site = (n: number) => ({
  nodes: { maximum: 2, cpus: 2, memory: '1500MiB' },
  pool: `10.77.${n}.0/24`,
  gateway: {
    underlay: `10.250.${n}.2`,
    address: `10.77.${n}.254`,
    ssh: { address: `10.250.${n}.2`, keyFile: '/etc/causeway/id', hostKey: 'ssh-ed25519 AAAA' },
  },
  driver: { kind: 'namespace', image: '/images/base' },
})

const least = {
  cluster: { name: 'lab', vni: 77, subnet: '10.77.0.0/16' },
  head: { name: 'head', address: '10.77.0.1', underlay: '10.250.0.2' },
  scheduler: { kind: 'slurm' },
  controller: { listen: '10.77.0.1:8470' },
  sites: { east: site(1), west: site(2) },
}

function load(text: string) {
  return parseYaml(text, 'causeway.yaml', ControllerConfigSchema, contradictions)
}

/** The least configuration with one value changed, as text. */
function changed(path: string, value: unknown): string {
  const copy = structuredClone(least) as Record<string, unknown>
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  const holder = keys.reduce((at, key) => at[key] as Record<string, unknown>, copy)
  holder[last] = value
  return stringify(copy)
}

describe('the controller configuration', () => {
  test('the least file is filled with defaults, in ms and bytes', () => {
    const config = load(stringify(least))
    assert.equal(config.controller.poll, 30_000)
    assert.equal(config.sites.east?.nodes?.minimum, 0)
    assert.equal(config.sites.east?.nodes?.idle, 300_000)
    assert.equal(config.sites.east?.nodes?.memory, 1500 * 2 ** 20)
    assert.equal(config.sites.west?.gateway.ssh.port, 22)
    assert.equal(config.policy.deadlines.boot, 300_000)
    assert.deepEqual(config.cluster.hosts, {})
  })

  for (const [path, value, says] of [
    ['sites.east.nodes.idle', '20 parsecs', /^causeway\.yaml:\d+:\d+: sites\.east\.nodes\.idle: expected a duration/],
    ['sites.east.nodes.memory', 1500, /sites\.east\.nodes\.memory: expected a size such as "1500MiB"/],
    ['sites.east.colour', 'red', /sites\.east\.colour: unknown key/],
    ['cluster.vni', 0, /cluster\.vni: expected a whole number from 1 to 16777215/],
    ['cluster.subnet', '10.77.0.1/16', /cluster\.subnet: expected an IPv4 subnet with no host bits set/],
    ['scheduler.kind', 'lsf', /scheduler\.kind: expected "slurm" or "sge" or "torque", got "lsf"/],
    ['scheduler.port', 0, /^causeway\.yaml:\d+:\d+: scheduler\.port: expected a whole number from 1 to 65535, got 0$/],
    ['scheduler.root', '/opt/sge', /scheduler\.root: unknown key; known here: kind, conf,/],
    ['sites.east.nodes.minimum', 3, /sites\.east\.nodes\.minimum: the minimum of 3 is over the maximum of 2/],
    ['sites.east.pool', '10.78.1.0/24', /sites\.east\.pool: 10\.78\.1\.0\/24 is not within cluster\.subnet/],
    ['sites.east.pool', '10.77.1.0/31', /sites\.east\.pool: .* has 0 addresses for 2 nodes/],
    ['sites.west.pool', '10.77.1.0/24', /sites\.west\.pool: .* overlaps the pool of east/],
    [
      'sites.east.gateway.address',
      '10.77.1.2',
      /node east-2 would have 10\.77\.1\.2, the address of the gateway of east/,
    ],
    ['sites.west.gateway.underlay', '10.250.1.2', /10\.250\.1\.2 is sites\.east\.gateway\.underlay already/],
    ['head.address', '10.78.0.1', /head\.address: 10\.78\.0\.1 is outside cluster\.subnet/],
  ] as const) {
    test(`${path}: ${String(value)} is refused with file, line and what was expected`, () => {
      assert.throws(
        () => load(changed(path, value)),
        (error: Error & { code: string }) => {
          assert.equal(error.code, 'InvalidConfig')
          assert.match(error.message, says)
          return true
        },
      )
    })
  }

  test('roles to bring need a cache that brings them', () => {
    const { nodes, pool: _pool, ...rest } = site(1)
    const gpu = { ...nodes, pool: '10.77.1.0/28', warm: ['cuda'] }
    const bare = { ...rest, types: { gpu } }
    assert.throws(() => load(changed('sites.east', bare)), /sites\.east\.types\.gpu\.warm: the site has no cache/)
    const cache = { origins: ['192.0.2.80'] }
    assert.throws(
      () => load(changed('sites.east.cache', { ...cache, warm: ['a role'] })),
      /expected the name of a role/,
    )
    assert.deepEqual(load(changed('sites.east', { ...bare, cache })).sites.east?.types?.gpu?.warm, ['cuda'])
  })

  test('all that is wrong is said at once', () => {
    const text = stringify({ ...least, cluster: { name: 'X Y', vni: 'many', subnet: 'no' } })
    assert.throws(
      () => load(text),
      (error: Error) => error.message.split('\n').length === 3,
    )
  })
})
