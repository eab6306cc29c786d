import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { changeOf, type Found } from '../../src/network/evpn/change.ts'
import { frrConfig, liveChange } from '../../src/network/evpn/frr-config.ts'
import { parseFound } from '../../src/network/evpn/parse-found.ts'
import { bgpPort, type Speaker, speakerOf } from '../../src/network/evpn/speaker.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import { gateway, member, sample, withGateway, withMembers } from './sample.ts'
import { assertGolden } from './transcript.ts'

const evpn = (...reflectors: string[]): Overlay => ({ ...sample, mode: { kind: 'evpn', asn: 64_512, reflectors } })

function speaker(overlay: Overlay, name: string): Speaker {
  return speakerOf(overlay, name) ?? assert.fail('no speaker')
}

function config(overlay: Overlay, name: string) {
  return frrConfig(speaker(overlay, name))
}

describe('who talks to whom', () => {
  const peers = (overlay: Overlay, name: string) =>
    speaker(overlay, name).peers.map((peer) => `${peer.address}${peer.client ? ' client' : ''}`)

  it('is the reflector with all, and all with the reflector', () => {
    assert.deepEqual(peers(evpn('head'), 'head'), ['10.250.1.2 client', '10.250.2.2 client'])
    assert.deepEqual(peers(evpn('head'), 'east'), ['10.250.0.2'])
  })

  it('is reflectors among themselves as equals', () => {
    assert.deepEqual(peers(evpn('head', 'west'), 'head'), ['10.250.1.2 client', '10.250.2.2'])
    assert.deepEqual(peers(evpn('head', 'west'), 'east'), ['10.250.0.2', '10.250.2.2'])
  })

  it('is nobody without EVPN', () => assert.equal(speakerOf(sample, 'east'), null))

  it('goes through the tunnels where there are some, whatever is below them', () => {
    const encryption = {
      subnet: '198.18.0.0/16',
      port: 51_820,
      relay: 'head',
      generation: 0,
      keys: new Map(),
      links: new Map(),
    }
    const overlay: Overlay = { ...withGateway(evpn('head'), 'east', { underlay: '2001:db8::1' }), encryption }
    assert.equal(speaker(overlay, 'east').address, '198.18.1.254')
    assert.deepEqual(peers(overlay, 'east'), ['198.18.0.1'])
  })

  it('can be nobody with an IPv6 address, and no reflector that is not there', () => {
    const six = withGateway(evpn('head'), 'west', { underlay: '2001:db8::1' })
    assert.throws(() => speakerOf(six, 'west'), { code: 'InvalidRequest', message: /mode: static/ })
    assert.throws(() => speakerOf(six, 'head'), { code: 'InvalidRequest' })
    assert.throws(() => speakerOf(evpn('south'), 'head'), { code: 'InvalidRequest', message: /south/ })
    assert.throws(() => speakerOf(evpn('head'), 'south'), { code: 'NotFound' })
  })

  it('has a port of its own for each cluster, which anyone may use', () => {
    assert.equal(bgpPort(77), 17_977)
    for (const vni of [1, 9999, 10_000, 16_777_215]) assert.ok(bgpPort(vni) >= 1024 && bgpPort(vni) < 32_768)
  })
})

describe('configuration of FRR', () => {
  it('is as written down', () => {
    const shown = ['head', 'east'].flatMap((name) => {
      const { zebra, bgpd } = config(evpn('head'), name)
      return [`# ${name}: zebra.conf`, ...zebra, '', `# ${name}: bgpd.conf`, ...bgpd, '']
    })
    assertGolden('evpn-configuration', shown.join('\n'))
  })

  it('does not change when a member comes or goes', () => {
    const more = withMembers(evpn('head'), (members) => [...members, member('e9', '10.77.1.9', 'east', 'cwp00000009')])
    for (const { name } of sample.gateways) assert.deepEqual(config(more, name), config(evpn('head'), name))
  })

  it('names the route target as FRR makes it of a long AS number', () => {
    const long: Overlay = { ...sample, mode: { kind: 'evpn', asn: 4_200_000_001, reflectors: ['head'] } }
    assert.ok(config(long, 'head').bgpd.some((line) => line.endsWith(` rt ${4_200_000_001 % 65_536}:77`)))
  })
})

describe('what a running bgpd is told', () => {
  const south = gateway('south', '10.250.3.2', '10.77.3.254')
  const grown: Overlay = { ...evpn('head'), gateways: [...sample.gateways, south] }

  it('is of a new gateway at the reflector, and nothing elsewhere', () => {
    assert.deepEqual(liveChange(config(evpn('head'), 'head').bgpd, config(grown, 'head').bgpd), [
      'router bgp 64512',
      ' neighbor 10.250.3.2 peer-group clients',
      ' neighbor 10.250.3.2 port 17977',
    ])
    assert.deepEqual(liveChange(config(evpn('head'), 'east').bgpd, config(grown, 'east').bgpd), [])
  })

  it('is that a gateway is gone', () => {
    assert.deepEqual(liveChange(config(grown, 'head').bgpd, config(evpn('head'), 'head').bgpd), [
      'router bgp 64512',
      ' no neighbor 10.250.3.2',
    ])
  })

  it('is to flood or not', () => {
    const flooding: Overlay = { ...evpn('head'), flood: { broadcast: true, unknown: false } }
    assert.deepEqual(liveChange(config(evpn('head'), 'east').bgpd, config(flooding, 'east').bgpd), [
      'router bgp 64512',
      ' address-family l2vpn evpn',
      '  flooding head-end-replication',
      ' exit-address-family',
    ])
  })

  it('is nothing but to start anew when it becomes another one', () => {
    const moved = withGateway(evpn('head'), 'east', { underlay: '10.250.1.3' })
    assert.equal(liveChange(config(evpn('head'), 'east').bgpd, config(moved, 'east').bgpd), null)
    const asn: Overlay = { ...sample, mode: { kind: 'evpn', asn: 64_513, reflectors: ['head'] } }
    assert.equal(liveChange(config(evpn('head'), 'east').bgpd, config(asn, 'east').bgpd), null)
  })

  it('leads from any peers to any others', () => {
    const peer = fc.record({ address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'), client: fc.boolean() })
    const speakers = fc
      .record({ peers: fc.uniqueArray(peer, { selector: (one) => one.address }), flooding: fc.boolean() })
      .map((some): Speaker => ({ vni: 77, asn: 64_512, address: '10.0.0.9', port: 17_977, ...some }))
    fc.assert(
      fc.property(speakers, speakers, (from, to) => {
        const [before, after] = [frrConfig(from).bgpd, frrConfig(to).bgpd]
        const told = liveChange(before, after) ?? assert.fail('no restart is needed')
        assert.deepEqual(obey(before, told), [...after].sort())
      }),
    )
  })
})

/** What a bgpd with this configuration has after it was told something, in no order. */
function obey(config: readonly string[], told: readonly string[]): readonly string[] {
  const lines = new Set(config)
  for (const line of told.slice(1)) {
    const gone = /^ no neighbor (.+)$/.exec(line)?.[1]
    if (gone !== undefined) for (const one of config) if (one.startsWith(` neighbor ${gone} `)) lines.delete(one)
    if (line.startsWith('  flooding ')) for (const one of config) if (one.startsWith('  flooding ')) lines.delete(one)
    if (gone === undefined) lines.add(line)
  }
  return [...lines].sort()
}

describe('what is done to the daemons', () => {
  const wanted = config(evpn('head'), 'east')
  const found: Found = { zebraRuns: true, bgpdRuns: true, config: wanted }

  it('is nothing where all is as wanted', () => {
    assert.deepEqual(changeOf(found, wanted), { start: false, live: [], words: [] })
  })

  it('is to start them where they are not, or not both, or otherwise than wanted', () => {
    const zebra = { zebra: [...wanted.zebra, 'debug zebra events'], bgpd: wanted.bgpd }
    const bgpd = { zebra: wanted.zebra, bgpd: wanted.bgpd.slice(1) }
    for (const other of [
      null,
      { ...found, zebraRuns: false },
      { ...found, bgpdRuns: false },
      { ...found, config: zebra },
      { ...found, config: bgpd },
    ]) {
      const change = changeOf(other, wanted)
      assert.equal(change.start, true)
      assert.match(change.words.join(), /start zebra and bgpd/)
    }
  })
})

describe('reading what the script found', () => {
  it('is exact', () => {
    assert.equal(parseFound('absent\n'), null)
    assert.deepEqual(parseFound('found zebra=yes bgpd=no\nzebra a\nbgpd b\nbgpd  c\n'), {
      zebraRuns: true,
      bgpdRuns: false,
      config: { zebra: ['a'], bgpd: ['b', ' c'] },
    })
  })

  it('refuses anything else', () => {
    for (const text of [
      '',
      'found\n',
      'found zebra=yes bgpd=no halves=x\n',
      'found zebra=yes bgpd=no halves=0\noops\n',
    ]) {
      assert.throws(() => parseFound(text), { code: 'MalformedOutput' }, text)
    }
  })
})
