import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseForwarding, parseLinks, parseNeighbours, parseSysctls } from '../../src/network/kernel/parse.ts'
import { parseRuleset } from '../../src/network/kernel/parse-nft.ts'

const malformed = { code: 'MalformedOutput' }

describe('what the programs print', () => {
  it('reads a bare device', () => {
    const [link] = parseLinks('[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK"],"mtu":65536}]')
    assert.deepEqual(link, {
      name: 'lo',
      mac: '',
      mtu: 65_536,
      up: false,
      master: null,
      addresses: [],
      kind: null,
      group: 'default',
      bridge: null,
      vxlan: null,
      portFlags: null,
    })
  })

  it('reads a VXLAN device with a default destination, by whatever name', () => {
    for (const key of ['remote', 'group', 'remote6', 'group6']) {
      const data = { id: 77, local: '10.0.0.1', port: 4789, learning: false, [key]: 'x' }
      const json = JSON.stringify([
        { ifname: 'v', flags: ['UP'], mtu: 1500, linkinfo: { info_kind: 'vxlan', info_data: data } },
      ])
      const vxlan = parseLinks(json)[0]?.vxlan
      assert.deepEqual(vxlan, { vni: 77, local: '10.0.0.1', port: 4789, learning: false, remote: 'x' })
    }
  })

  it('reads addresses of both families, but none of a link', () => {
    const info = [
      { family: 'inet', local: '10.77.1.254', prefixlen: 16, scope: 'global' },
      { family: 'inet6', local: 'fd77::a4d:1fe', prefixlen: 64, scope: 'global' },
      { family: 'inet6', local: 'fe80::1', prefixlen: 64, scope: 'link' },
    ]
    const json = JSON.stringify([{ ifname: 'b', flags: [], mtu: 1450, addr_info: info }])
    assert.deepEqual(parseLinks(json)[0]?.addresses, ['10.77.1.254/16', 'fd77::a4d:1fe/64'])
  })

  it('reads neighbours of both families', () => {
    const mac = '02:00:00:00:00:01'
    const neighbours = [
      { dst: '10.77.2.1', dev: 'b', lladdr: mac, state: ['PERMANENT'] },
      { dst: 'fd77::a4d:201', dev: 'b', lladdr: mac, extern_learn: null, state: ['NOARP'] },
    ]
    assert.deepEqual(parseNeighbours(JSON.stringify(neighbours)), [
      { address: '10.77.2.1', mac, device: 'b', permanent: true },
      { address: 'fd77::a4d:201', mac, device: 'b', permanent: false },
    ])
  })

  it('reads where an IPv6 tunnel starts', () => {
    const data = { id: 77, local6: 'fd00::1', port: 4789, learning: false }
    const [link] = parseLinks(
      JSON.stringify([
        {
          ifname: 'v',
          flags: [],
          mtu: 1500,
          linkinfo: { info_kind: 'vxlan', info_data: data },
        },
      ]),
    )
    assert.equal(link?.vxlan?.local, 'fd00::1')
  })

  it('leaves out the entries of single VLANs', () => {
    const flags = ['sticky', 'extern_learn']
    const entry = { mac: '02:00:00:00:00:01', ifname: 'p', master: 'b', flags, state: 'static' }
    assert.deepEqual(parseForwarding(JSON.stringify([entry, { ...entry, vlan: 1 }])), [
      { mac: '02:00:00:00:00:01', device: 'p', master: 'b', dst: null, state: 'static', sticky: true, learned: true },
    ])
  })

  it('keeps the rules of like-named tables and chains apart', () => {
    const chain = (family: string, table: string, name: string) => ({ chain: { family, table, name, handle: 1 } })
    const rule = (family: string, table: string, name: string, comment?: string) => ({
      rule: { family, table, chain: name, ...(comment === undefined ? {} : { comment }), expr: [{ masquerade: null }] },
    })
    const tables = parseRuleset(
      JSON.stringify({
        nftables: [
          { metainfo: {} },
          { table: { family: 'ip', name: 't' } },
          { table: { family: 'bridge', name: 't' } },
          chain('ip', 't', 'a'),
          chain('ip', 't', 'b'),
          chain('bridge', 't', 'a'),
          rule('ip', 't', 'a', 'first'),
          rule('ip', 't', 'a'),
          rule('bridge', 't', 'a', 'third'),
        ],
      }),
    )
    assert.deepEqual(
      tables.map((table) => [table.family, ...table.chains.map((one) => [one.name, ...one.rules])]),
      [
        ['ip', ['a', 'first', null], ['b']],
        ['bridge', ['a', 'third']],
      ],
    )
  })

  it('reads kernel settings', () => {
    assert.deepEqual(parseSysctls('net.ipv4.ip_forward = 1\n\na.b = x y\n'), {
      'net.ipv4.ip_forward': '1',
      'a.b': 'x y',
    })
    assert.deepEqual(parseSysctls(''), {})
  })

  it('refuses what is not as promised', () => {
    for (const bad of ['', '{', 'null', '{}', '[{}]', '[{"ifname":1,"flags":[],"mtu":1}]']) {
      assert.throws(() => parseLinks(bad), malformed, bad)
    }
    assert.throws(() => parseForwarding('[{"ifname":"p"}]'), malformed)
    assert.throws(() => parseNeighbours('[{"dev":"p"}]'), malformed)
    assert.throws(() => parseRuleset('{"nftables":[{"rule":{"family":"ip"}}]}'), malformed)
    assert.throws(() => parseSysctls('permission denied'), malformed)
  })
})
