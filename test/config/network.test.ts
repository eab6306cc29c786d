import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stringify } from 'yaml'
import { contradictions } from '../../src/config/contradictions.ts'
import { ControllerConfigSchema } from '../../src/config/controller-schema.ts'
import { parseYaml } from '../../src/config/yaml.ts'

interface Parts {
  readonly cluster?: object
  readonly overlay?: object
  readonly head?: object
  readonly images?: object
  readonly east?: object
  readonly west?: object
}

const wireguard = { encryption: { kind: 'wireguard' } }
const nas = { address: '10.77.0.9', mac: '52:54:00:00:00:09', gateway: 'head', port: 'eth1' }

/** A head and two sites, with what differs. */
function text({ cluster, overlay, head, images = {}, east, west }: Parts): string {
  const site = (n: number, gateway: object = {}) => ({
    nodes: { maximum: 2, cpus: 2, memory: '1500MiB' },
    pool: `10.77.${n}.0/24`,
    gateway: {
      underlay: `10.250.${n}.2`,
      address: `10.77.${n}.254`,
      ssh: { address: `10.250.${n}.2`, keyFile: '/etc/causeway/id', hostKey: 'ssh-ed25519 AAAA' },
      ...gateway,
    },
    driver: { kind: 'namespace', image: '/images/base' },
  })
  return stringify({
    cluster: { name: 'lab', vni: 77, subnet: '10.77.0.0/16', ...(overlay ? { overlay } : {}), ...cluster },
    head: { name: 'head', address: '10.77.0.1', underlay: '10.250.0.2', ...head },
    scheduler: { kind: 'slurm' },
    controller: { listen: '10.77.0.1:8470' },
    images,
    sites: { east: site(1, east), west: site(2, west) },
  })
}

function load(parts: Parts) {
  return parseYaml(text(parts), 'causeway.yaml', ControllerConfigSchema, contradictions)
}

describe("the configuration's network", () => {
  test('needs nothing said: static entries, nothing flooded, nothing encrypted', () => {
    const { overlay, underlayMtu, members } = load({}).cluster
    assert.deepEqual(
      [overlay.mode, overlay.flood, overlay.encryption, overlay.services],
      ['static', 'nothing', undefined, undefined],
    )
    assert.deepEqual([underlayMtu, members], [1500, {}])
  })

  test('can have all that there is', () => {
    const { cluster } = load({
      cluster: { subnet6: 'fd77::/64', underlayMtu: 'measured', members: { nas } },
      overlay: {
        mode: 'evpn',
        evpn: { asn: 4_200_000_000, reflectors: ['head', 'west'] },
        flood: 'broadcast',
        encryption: { kind: 'wireguard', subnet: '198.18.0.0/16', port: 5000, relay: 'west', rotate: '30d' },
        services: { zone: 'lab.example', forwarders: ['192.0.2.53', '2001:db8::53'] },
      },
      head: { nat: true },
      east: { underlay: '2001:db8::1', nat: true },
    })
    assert.equal(cluster.overlay.encryption?.rotate, 30 * 86_400_000)
    assert.equal(cluster.overlay.encryption?.relay, 'west')
  })

  const refused: readonly [what: string, Parts, RegExp][] = [
    [
      'gateways of two families without tunnels',
      { east: { underlay: '2001:db8::1' } },
      /sites\.east\.gateway\.underlay: 2001:db8::1 is not of the family of head\.underlay/,
    ],
    [
      'images at IPv4 addresses of a head that is reached at another',
      { overlay: wireguard, head: { underlay: '2001:db8::9' }, images: { listen: '0.0.0.0:8471' } },
      /images\.listen: 0\.0\.0\.0:8471 is IPv4 and head\.underlay 2001:db8::9 is not/,
    ],
    ['NAT without tunnels', { west: { nat: true } }, /sites\.west\.gateway\.nat: only tunnels get through NAT/],
    [
      'a relay that is none',
      { overlay: { encryption: { kind: 'wireguard', relay: 'north' } } },
      /relay: there is no gateway north; there are head, east, west/,
    ],
    [
      'a relay behind NAT',
      { overlay: wireguard, head: { nat: true }, east: { nat: true } },
      /relay: head is behind NAT itself/,
    ],
    [
      'tunnels within the segment',
      { overlay: { encryption: { kind: 'wireguard', subnet: '10.0.0.0/8' } } },
      /encryption\.subnet: 10\.0\.0\.0\/8 overlaps cluster\.subnet/,
    ],
    [
      'tunnels without room',
      { overlay: { encryption: { kind: 'wireguard', subnet: '198.18.0.0/24' } } },
      /198\.18\.0\.0\/24 is smaller than cluster\.subnet/,
    ],
    [
      'tunnels where gateways are',
      { overlay: { encryption: { kind: 'wireguard', subnet: '10.250.0.0/16' } } },
      /10\.250\.0\.0\/16 holds 10\.250\.0\.2, the underlay address of head/,
    ],
    [
      'a reflector that is none',
      { overlay: { mode: 'evpn', evpn: { reflectors: ['head', 'north'] } } },
      /evpn\.reflectors\.1: there is no gateway north/,
    ],
    [
      'EVPN over IPv6 without tunnels',
      {
        overlay: { mode: 'evpn' },
        head: { underlay: '2001:db8::9' },
        east: { underlay: '2001:db8::1' },
        west: { underlay: '2001:db8::2' },
      },
      /overlay\.mode: FRR's EVPN knows IPv4 endpoints only/,
    ],
    [
      'an IPv6 subnet without room',
      { cluster: { subnet6: 'fd77::/112' } },
      /subnet6: expected an IPv6 subnet of \/96 or shorter/,
    ],
    [
      'a member outside',
      { cluster: { members: { nas: { ...nas, address: '10.78.0.9' } } } },
      /members\.nas\.address: 10\.78\.0\.9 is outside cluster\.subnet/,
    ],
    [
      "a member with the head's address",
      { cluster: { members: { nas: { ...nas, address: '10.77.0.1' } } } },
      /10\.77\.0\.1 is head\.address already/,
    ],
    [
      "a member with a node's address",
      { cluster: { members: { nas: { ...nas, address: '10.77.1.2' } } } },
      /10\.77\.1\.2 would be the address of node east-2/,
    ],
    ["a member with a node's name", { cluster: { members: { 'east-7': nas } } }, /east-7 is what a node is called/],
    [
      "a member with a node's MAC",
      { cluster: { members: { nas: { ...nas, mac: '02:43:0a:4d:01:01' } } } },
      /MACs that begin with 02:43/,
    ],
    [
      'members with one MAC',
      { cluster: { members: { nas, nfs: { ...nas, address: '10.77.0.10' } } } },
      /members\.nfs\.mac: 52:54:00:00:00:09 is the MAC of nas already/,
    ],
    [
      'a member at no gateway',
      { cluster: { members: { nas: { ...nas, gateway: 'north' } } } },
      /members\.nas\.gateway: there is no site north/,
    ],
  ]
  for (const [what, parts, says] of refused) {
    test(`${what}: refused`, () => {
      assert.throws(() => load(parts), { code: 'InvalidConfig', message: says })
    })
  }

  test('a relay behind NAT does when nobody needs one', () => {
    assert.doesNotThrow(() => load({ overlay: wireguard, head: { nat: true } }))
  })
})
