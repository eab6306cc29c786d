import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stringify } from 'yaml'
import { contradictions } from '../../src/config/contradictions.ts'
import { ControllerConfigSchema } from '../../src/config/controller-schema.ts'
import { parseYaml } from '../../src/config/yaml.ts'

const ssh = { address: '10.250.1.3', keyFile: '/etc/causeway/id', hostKey: 'ssh-ed25519 AAAA' }

/** The least configuration whose only site has these settings of libvirt. */
function load(settings: object, site: object = { nodes: { maximum: 2, cpus: 2, memory: '2GiB' } }) {
  const config = {
    cluster: { name: 'lab', vni: 77, subnet: '10.77.0.0/16' },
    head: { name: 'head', address: '10.77.0.1', underlay: '10.250.0.2' },
    scheduler: { kind: 'slurm' },
    controller: { listen: '10.77.0.1:8470' },
    sites: {
      east: {
        pool: '10.77.1.0/24',
        gateway: { underlay: '10.250.1.2', address: '10.77.1.254', ssh: { ...ssh, address: '10.250.1.2' } },
        driver: { kind: 'libvirt', image: 'debian', ...settings },
        ...site,
      },
    },
  }
  const loaded = parseYaml(stringify(config), 'causeway.yaml', ControllerConfigSchema, contradictions)
  const driver = loaded.sites.east?.driver
  assert.ok(driver?.kind === 'libvirt')
  return driver
}

describe('settings of a site with libvirt', () => {
  test('the least is filled with defaults, in ms and bytes', () => {
    const { hosts, types, ...rest } = load({})
    assert.equal(hosts, undefined)
    assert.deepEqual(types, {})
    assert.deepEqual(rest, {
      kind: 'libvirt',
      image: 'debian',
      firmware: 'bios',
      machine: 'q35',
      accelerator: 'auto',
      placement: 'spread',
      cpuOvercommit: 1,
      reserve: { memory: 2 ** 30, disk: 2 ** 31 },
      shutdown: 20_000,
    })
  })

  test('a pool has the gateway and further hosts', () => {
    const h2 = { ssh, underlay: '10.250.1.3', address: '10.77.1.253', maintenance: true }
    const { hosts } = load({ hosts: { h1: { gateway: true }, h2 } })
    assert.equal(hosts?.h1?.maintenance, false)
    assert.equal(hosts?.h2?.ssh?.user, 'root')
    assert.equal(hosts?.h2?.maintenance, true)
  })

  test('a type has settings of its own', () => {
    const { types } = load({ types: { standard: { disk: '20GiB', cpuset: '2-7,10', hugePages: '1GiB' } } })
    assert.deepEqual(types.standard, { disk: 20 * 2 ** 30, cpuset: '2-7,10', hugePages: '1GiB', lockMemory: false })
  })

  for (const [what, settings, says] of [
    ['a host that is neither', { hosts: { h1: { address: '10.77.1.253' } } }, /hosts\.h1: .* `gateway: true` or `ssh`/],
    [
      'a host that is both',
      { hosts: { h1: { gateway: true, ssh, underlay: '10.250.1.3', address: '10.77.1.253' } } },
      /hosts\.h1: .* `gateway: true` or `ssh`/,
    ],
    ['a host nobody can reach', { hosts: { h1: { ssh, address: '10.77.1.253' } } }, /hosts\.h1\.underlay: missing/],
    ['two gateways', { hosts: { a: { gateway: true }, b: { gateway: true } } }, /hosts\.b\.gateway: a is the gateway/],
    ['a pool without hosts', { hosts: {} }, /hosts: expected at least 1 entries/],
    ['a kernel that is not given', { firmware: 'kernel' }, /driver\.kernel: missing/],
    ['the same in a type', { types: { standard: { firmware: 'kernel' } } }, /types\.standard\.kernel: missing/],
    [
      'a type that the site does not have',
      { types: { big: {} } },
      /types\.big: the site has no node type of this name/,
    ],
    [
      'CPUs that are none',
      { types: { standard: { cpuset: 'all' } } },
      /cpuset: expected numbers of CPUs such as 2-7,10/,
    ],
    [
      "a host with the gateway's address",
      { hosts: { h2: { ssh, underlay: '10.250.1.3', address: '10.77.1.254' } } },
      /hosts\.h2\.address: 10\.77\.1\.254 is sites\.east\.gateway\.address already/,
    ],
    [
      'two hosts at one place of the underlay',
      {
        hosts: {
          h2: { ssh, underlay: '10.250.1.3', address: '10.77.1.252' },
          h3: { ssh, underlay: '10.250.1.3', address: '10.77.1.253' },
        },
      },
      /hosts\.h3\.underlay: 10\.250\.1\.3 is sites\.east\.driver\.hosts\.h2\.underlay already/,
    ],
    ['an image with a name that none can have', { image: 'Debian' }, /driver\.image: expected a name of lower-case/],
    ['half a digest', { image: 'sha256:abc' }, /driver\.image: expected a name of lower-case/],
    [
      "a kernel's path that no script takes",
      { firmware: 'kernel', kernel: { kernel: '/boot/my kernel' } },
      /kernel\.kernel: expected an absolute path of letters/,
    ],
    ['a long shutdown', { shutdown: '1h' }, /shutdown: .*at most 10m/],
  ] as const) {
    test(`${what}: refused`, () => {
      assert.throws(() => load(settings), { code: 'InvalidConfig', message: says })
    })
  }

  test('the image of a node type must be one that its driver can have, too', () => {
    const types = (image: string) => ({
      pool: undefined,
      types: { big: { maximum: 2, cpus: 2, memory: '2GiB', pool: '10.77.1.0/25', image } },
    })
    for (const image of ['slurm', `sha256:${'a'.repeat(64)}`, '/srv/node.qcow2']) load({}, types(image))
    const says = /sites\.east\.types\.big\.image: expected a name of lower-case/
    assert.throws(() => load({}, types('Slurm')), { code: 'InvalidConfig', message: says })
    const light = { ...types('slurm'), driver: { kind: 'namespace', image: '/images/base' } }
    assert.throws(() => load({}, light), { code: 'InvalidConfig', message: /big\.image: expected an absolute path/ })
  })
})
