import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cacheSchema } from '../../../src/cache/settings.ts'
import { cacheText } from '../../../src/cli/site/cache-text.ts'
import { type ConfigText, withFurtherHost } from '../../../src/cli/site/further-host.ts'
import { extend, type NewSite } from '../../../src/cli/site/new-site.ts'
import { packagesFor } from '../../../src/cli/site/packages.ts'
import { ControllerConfigSchema, FirstConfigSchema } from '../../../src/config/controller-schema.ts'
import { furtherHosts } from '../../../src/config/further-hosts.ts'
import { parseYaml } from '../../../src/config/yaml.ts'

const text = `# Ours.
cluster: { name: lab, vni: 77, subnet: 10.77.0.0/16, hosts: { deb.example.org: 192.0.2.80 } }
head: { name: head, address: 10.77.0.1, underlay: 10.250.0.2 }
scheduler: { kind: slurm }
controller: { listen: 10.77.0.1:8470 }
sites:
  east:
    nodes: { maximum: 2, cpus: 2, memory: 1500MiB }
    pool: 10.77.1.0/24
    gateway:
      underlay: 10.250.1.2
      address: 10.77.1.254
      ssh: { address: 10.250.1.2, keyFile: /etc/causeway/id_ed25519, hostKey: ssh-ed25519 AAAA }
    driver: { kind: namespace, image: /images/base }
`

const wanted: NewSite = {
  name: 'south',
  address: '10.250.3.2',
  port: 22,
  user: 'root',
  keyFile: '/etc/causeway/id_ed25519',
  hostKey: 'ssh-ed25519 BBBB',
  driver: 'namespace',
  image: '/images/base',
  nodes: 4,
  cpus: 2,
  memory: '1500MiB',
  origins: ['192.0.2.80'],
  program: '/opt/causeway/bin/causeway',
  further: [],
  set: ['nodes.idle=2s', 'driver.shared=[/home]'],
}

const config = parseYaml(text, 'causeway.yaml', ControllerConfigSchema)
const extended = (over: Partial<NewSite> = {}) => extend(text, 'causeway.yaml', config, { ...wanted, ...over })

describe('a configuration with a new site', () => {
  it('has what was said, and a free place in the segment for what was not', () => {
    const { config: after, text: written } = extended()
    const { south } = after.sites
    assert.equal(south?.pool, '10.77.2.0/24')
    assert.equal(south.gateway.address, '10.77.2.254')
    assert.equal(south.gateway.underlay, '10.250.3.2')
    assert.equal(south.nodes?.maximum, 4)
    assert.equal(south.nodes.idle, 2000)
    assert.deepEqual(south.driver, { ...after.sites['east']?.driver, shared: ['/home'] })
    assert.ok(written.startsWith('# Ours.\n'))
    assert.deepEqual(after.sites['east'], config.sites['east'])
  })

  it('may be the first', () => {
    const siteless = text.slice(0, text.indexOf('sites:'))
    const before = parseYaml(siteless, 'causeway.yaml', FirstConfigSchema)
    assert.deepEqual(before.sites, {})
    assert.equal(extend(siteless, 'causeway.yaml', before, wanted).config.sites['south']?.pool, '10.77.1.0/24')
    assert.throws(() => parseYaml(siteless, 'causeway.yaml', ControllerConfigSchema), /sites: missing/)
  })

  it('takes what was said instead', () => {
    const { south } = extended({ pool: '10.77.9.0/28', gatewayAddress: '10.77.9.14', underlay: '192.0.2.9' }).config
      .sites
    assert.deepEqual(
      [south?.pool, south?.gateway.address, south?.gateway.underlay],
      ['10.77.9.0/28', '10.77.9.14', '192.0.2.9'],
    )
  })

  it('is checked as any: a name that is taken, pools that overlap, settings that there are not', () => {
    assert.throws(() => extended({ name: 'east' }), { code: 'Conflict' })
    const overlapping = { pool: '10.77.1.128/25', gatewayAddress: '10.77.1.253' }
    assert.throws(() => extended(overlapping), { code: 'InvalidConfig' })
    assert.throws(() => extended({ driver: 'telepathy' }), { code: 'InvalidConfig' })
    assert.throws(() => extended({ memory: 'much' }), { code: 'InvalidConfig' })
  })
})

describe("further hosts of a site's pool", () => {
  const login = { address: '10.250.3.3', port: 2222, user: 'root', keyFile: '/etc/key', hostKey: 'ssh-ed25519 CCCC' }
  const pool = { driver: 'libvirt', image: '/images/d.qcow2', set: [] }
  const withTwo = () =>
    extended({
      ...pool,
      further: [
        { ...login, name: 'h2' },
        { ...login, name: 'h3', address: '10.250.3.4' },
      ],
    })

  it('come with a new site, each with its place in the segment', () => {
    const { config: after, site } = withTwo()
    const hosts = furtherHosts(after)
    assert.deepEqual(
      hosts.map(({ gateway, underlay, address }) => [gateway, underlay, address]),
      [
        ['south/h2', '10.250.3.3', '10.77.2.253'],
        ['south/h3', '10.250.3.4', '10.77.2.252'],
      ],
    )
    assert.deepEqual(hosts[0]?.ssh, login)
    assert.deepEqual(Object.keys((site as { driver: { hosts: object } }).driver.hosts), ['south', 'h2', 'h3'])
  })

  it('come to a site that is there, at addresses that nobody has', () => {
    const before = withTwo()
    const wanted = { ...login, name: 'h4', underlay: '192.0.2.4' }
    const { config: after } = withFurtherHost(before, 'causeway.yaml', 'south', wanted)
    const [, , { underlay, address } = assert.fail()] = furtherHosts(after)
    assert.deepEqual([underlay, address], ['192.0.2.4', '10.77.2.251'])
    assert.deepEqual(after.sites['east'], before.config.sites['east'])
    const said = withFurtherHost(before, 'causeway.yaml', 'south', { ...wanted, segmentAddress: '10.77.7.7' })
    assert.equal(furtherHosts(said.config).at(-1)?.address, '10.77.7.7')
  })

  it('are refused at a site that has none, by a name that is taken, and where another site has the same lines', () => {
    const refuse = (before: ConfigText, site: string, name: string, expected: object) =>
      assert.throws(() => withFurtherHost(before, 'causeway.yaml', site, { ...login, name }), expected)
    refuse({ text, config }, 'east', 'h2', { code: 'InvalidRequest', message: /only libvirt has pools/ })
    refuse({ text, config }, 'nowhere', 'h2', { code: 'InvalidRequest', message: /has no site nowhere/ })
    for (const name of ['south', 'h2']) refuse(withTwo(), 'south', name, { code: 'Conflict' })
    const libvirt = text.replace(/driver: .*/, 'driver: &one { kind: libvirt, image: /images/d.qcow2 }')
    const shared = `${libvirt}  west:
    nodes: { maximum: 2, cpus: 2, memory: 1500MiB }
    pool: 10.77.5.0/24
    gateway: { underlay: 10.250.5.2, address: 10.77.5.254, ssh: { address: 10.250.5.2, keyFile: /k, hostKey: ssh-ed25519 AAAA } }
    driver: *one
`
    const both = { text: shared, config: parseYaml(shared, 'causeway.yaml', ControllerConfigSchema) }
    refuse(both, 'east', 'h2', { code: 'InvalidRequest', message: /share the driver of east/ })
  })
})

describe('what a new site is given', () => {
  it("has a cache that serves the cluster's origins by their names, in words that the cache accepts", () => {
    const { config: after } = extended()
    const settings = parseYaml(cacheText(after, 'south'), 'cache.yaml', cacheSchema)
    assert.equal(settings.listen, '0.0.0.0:3128')
    assert.equal(settings.origins['deb.example.org']?.address, '192.0.2.80')
    assert.deepEqual(settings.heartbeat?.table, 'causeway_77')
    const served = { ...after, images: { ...after.images, listen: '10.250.0.2:8471' } }
    const withImages = parseYaml(cacheText(served, 'south'), 'cache.yaml', cacheSchema)
    assert.deepEqual(
      [withImages.origins['images.causeway']?.address, withImages.origins['images.causeway']?.port],
      ['10.250.0.2', 8471],
    )
    const nameless = cacheText(extended({ origins: ['192.0.2.81'] }).config, 'south')
    assert.match(nameless, /^# Nodes ask by names/)
    parseYaml(nameless, 'cache.yaml', cacheSchema)
  })

  it('has the packages of its overlay and of its kind of machines', () => {
    const { config: after } = extended()
    const packages = packagesFor(after, 'south')
    assert.ok(packages.includes('nftables'))
    assert.ok(!packages.some((one) => /libvirt|wireguard|dnsmasq|frr/.test(one)))
    const libvirt = extended({ driver: 'libvirt', image: '/images/d.qcow2', set: [] }).config
    assert.ok(packagesFor(libvirt, 'south').includes('libvirt-daemon-system'))
    const sealed = text.replace('hosts: {', 'overlay: { encryption: { kind: wireguard }, services: {} }, hosts: {')
    const joined = packagesFor(parseYaml(sealed, 'causeway.yaml', ControllerConfigSchema), 'east')
    assert.ok(joined.includes('wireguard-tools') && joined.includes('dnsmasq-base'))
  })
})
