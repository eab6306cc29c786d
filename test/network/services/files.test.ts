import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { memberAddress6 } from '../../../src/network/addressing.ts'
import type { Overlay, Services } from '../../../src/network/overlay.ts'
import { serviceFiles } from '../../../src/network/services/service-files.ts'
import { parseStatus } from '../../../src/network/services/status.ts'
import { hostsFile, reverseZones, reverseZones6, zoneNames } from '../../../src/network/services/zone.ts'
import { member, sample, withMembers } from '../sample.ts'
import { assertGolden } from '../transcript.ts'

const services: Services = {
  zone: 'lab.internal',
  forwarders: ['10.250.9.53', '2001:db8::53'],
  hosts: { master: '10.77.0.1', nfs: '10.250.9.7', 'mirror.example': '10.250.9.2' },
}

/** The sample with an IPv6 subnet. */
function six(overlay: Overlay): Overlay {
  const subnet6 = 'fd77::/64'
  const of = <T extends { readonly address: string }>(one: T) => ({
    ...one,
    address6: memberAddress6(one.address, subnet6),
  })
  return { ...overlay, subnet6, gateways: overlay.gateways.map(of), members: overlay.members.map(of) }
}

const text = (overlay: Overlay, wanted: Services, gateway: string) =>
  [...serviceFiles(overlay, wanted, gateway)].map(([path, file]) => `--- ${path}\n${file.text}`).join('')

/** The names file of a gateway. */
const names = (overlay: Overlay, wanted: Services, group: string) =>
  serviceFiles(overlay, wanted, 'east').get(`names/${group}`)?.text

describe('the files of the services', () => {
  it('are these at a site', () => assertGolden('services-site', text(sample, services, 'east')))
  it('are these with IPv6', () => assertGolden('services-site-ipv6', text(six(sample), services, 'east')))
  it('are these at the head, which routes nobody', () =>
    assertGolden('services-head-ipv6', text(six(sample), services, 'head')))

  it('have one names file for each gateway, the same at all of them', () => {
    const [east, west] = ['east', 'west'].map((name) => serviceFiles(sample, services, name))
    for (const [path, file] of east ?? []) {
      if (path.startsWith('names/')) assert.equal(west?.get(path)?.text, file.text, path)
      else assert.notEqual(west?.get(path)?.text, file.text, path)
    }
  })

  it('change little when a node comes', () => {
    const grown = withMembers(sample, (members) => [...members, member('west-2', '10.77.2.2', 'west', 'cwp00000072')])
    const changed = (gateway: string) => {
      const before = serviceFiles(sample, services, gateway)
      return [...serviceFiles(grown, services, gateway)]
        .filter(([path, { digest }]) => before.get(path)?.digest !== digest)
        .map(([path]) => path)
    }
    assert.deepEqual(changed('east'), ['names/at-west'])
    assert.deepEqual(changed('west'), ['dhcp-hosts', 'names/at-west'])
  })

  it('refuse what would mean something else in them', () => {
    const refused = (change: Partial<Services>, overlay = sample) =>
      assert.throws(() => serviceFiles(overlay, { ...services, ...change }, 'east'), { code: 'InvalidRequest' })
    refused({ zone: 'lab.internal/evil' })
    refused({ zone: '' })
    refused({ forwarders: ['10.0.0.1\nlog-queries'] })
    refused({ hosts: { 'a b': '10.0.0.1' } })
    refused({ hosts: { a: '10.0.0.1 b' } })
    for (const name of ['a,b', 'a\nb', '-a', 'a.', '']) {
      refused(
        {},
        withMembers(sample, (members) => [...members, member(name, '10.77.2.9', 'west', 'cwp9')]),
      )
    }
    assert.throws(() => serviceFiles(sample, services, 'north'), { code: 'NotFound' })
  })
})

describe('the names of the zone', () => {
  it('give the configuration, then the gateways, then members what two would have', () => {
    const clash = withMembers(sample, (members) => [
      ...members,
      member('nfs', '10.77.2.7', 'west', 'cwp00000077'),
      member('gateway-west', '10.77.2.8', 'west', 'cwp00000078'),
      member('West-1', '10.77.2.9', 'west', 'cwp00000079'),
    ])
    assert.equal(
      names(clash, services, 'at-west'),
      '10.77.2.254 gateway-west.lab.internal gateway-west\n10.77.2.1 west-1.lab.internal west-1\n',
    )
    assert.equal(names(clash, services, 'configured'), '10.250.9.7 nfs.lab.internal nfs\n10.250.9.2 mirror.example\n')
  })

  it('begin with what the configuration calls the head, IPv6 and all', () => {
    assert.equal(
      names(six(sample), services, 'at-head'),
      ['master', 'head']
        .flatMap((name) => ['10.77.0.1', 'fd77::a4d:1'].map((address) => `${address} ${name}.lab.internal ${name}\n`))
        .join(''),
    )
  })

  it('are each there once, with its addresses only', () => {
    const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/)
    fc.assert(
      fc.property(fc.uniqueArray(label, { maxLength: 20 }), fc.array(label, { maxLength: 5 }), (nodes, hosts) => {
        const overlay = withMembers(sample, () =>
          nodes.map((name, k) => member(name, `10.77.1.${k + 1}`, 'east', `p${k}`)),
        )
        const wanted = { ...services, hosts: Object.fromEntries(hosts.map((name, k) => [name, `10.9.0.${k + 1}`])) }
        const entries = [...zoneNames(overlay, wanted).values()].flat()
        const found = entries.map(({ name }) => name)
        const expected = new Set([...nodes, ...hosts, 'head', 'gateway-east', 'gateway-west'])
        assert.deepEqual([...found].sort(), [...expected].sort())
        const lines = hostsFile(entries, 'lab.internal').trimEnd().split('\n')
        assert.equal(lines.length, found.length)
        for (const line of lines) assert.match(line, /^[0-9.]+ (\S+)\.lab\.internal \1$/)
      }),
      { numRuns: 50 },
    )
  })
})

describe('reverse zones', () => {
  it('are those of a whole number of bytes, or all that cover the network', () => {
    assert.deepEqual(reverseZones('10.77.0.0/16'), ['77.10.in-addr.arpa'])
    assert.deepEqual(reverseZones('10.0.0.0/8'), ['10.in-addr.arpa'])
    assert.deepEqual(
      reverseZones('10.77.4.0/22'),
      [4, 5, 6, 7].map((byte) => `${byte}.77.10.in-addr.arpa`),
    )
    assert.equal(reverseZones('10.77.4.0/25').length, 128)
    assert.equal(reverseZones('10.77.4.0/25').at(-1), '127.4.77.10.in-addr.arpa')
  })

  it('are those of a whole number of half bytes in IPv6', () => {
    assert.deepEqual(reverseZones6('fd77::/64'), ['0.0.0.0.0.0.0.0.0.0.0.0.7.7.d.f.ip6.arpa'])
    assert.deepEqual(
      reverseZones6('fd74::/14'),
      ['4', '5', '6', '7'].map((digit) => `${digit}.7.d.f.ip6.arpa`),
    )
    assert.throws(() => reverseZones6('fd77::1/64'), { code: 'InvalidRequest' })
  })
})

describe('parseStatus', () => {
  const digest = 'ab'.repeat(32)
  it('reads what the script prints', () => {
    assert.deepEqual(parseStatus(`dnsmasq stale\n${digest}  conf\n${digest}  names/odd one\n`), {
      dnsmasq: 'stale',
      digests: new Map([
        ['conf', digest],
        ['names/odd one', digest],
      ]),
    })
  })
  it('takes nothing else', () => {
    for (const text of ['', 'dnsmasq\n', 'dnsmasq current\nx  conf\n', `dnsmasq dead\n${digest}  ../etc/passwd\n`]) {
      assert.throws(() => parseStatus(text), { code: 'MalformedOutput' }, text)
    }
  })
})
