import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { addressFamily, contains6, formatIpv6, parseIpv6, parseSubnet6 } from '../../src/base/ipv6.ts'

describe('IPv6 addresses', () => {
  test('are written as RFC 5952 wants it', () => {
    for (const [text, canonical] of [
      ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
      ['::', '::'],
      ['::1', '::1'],
      ['1::', '1::'],
      ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['::ffff:10.77.1.254', '::ffff:a4d:1fe'],
      ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ] as const)
      assert.equal(formatIpv6(parseIpv6(text) ?? -1n), canonical, text)
  })

  test('are refused where they are none', () => {
    for (const text of ['', '1', ':', ':::', '1::2::3', 'fe80::1%eth0', '12345::', '10.0.0.1', '::1.2.3', '::1/64'])
      assert.equal(parseIpv6(text), null, text)
  })

  test('come back from their text, whatever they are', () => {
    const sparse = fc.array(fc.constantFrom(0, 0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(sparse, (groups) => {
        const address = groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n)
        const text = formatIpv6(address)
        assert.equal(parseIpv6(text), address)
        assert.equal(parseIpv6(groups.map((group) => group.toString(16)).join(':')), address)
        assert.equal(formatIpv6(parseIpv6(text) ?? -1n), text)
      }),
    )
  })

  test('lie in subnets', () => {
    const subnet = parseSubnet6('fd77::/64')
    assert.ok(subnet)
    assert.ok(contains6(subnet, parseIpv6('fd77::a4d:1') ?? 0n))
    assert.ok(!contains6(subnet, parseIpv6('fd77:0:0:1::1') ?? 0n))
    for (const text of ['fd77::1/64', 'fd77::/129', 'fd77::', 'fd77::/064', '10.0.0.0/8'])
      assert.equal(parseSubnet6(text), null, text)
    assert.ok(contains6(parseSubnet6('::/0') ?? subnet, 5n))
  })

  test('are told from IPv4', () => {
    assert.deepEqual(['10.0.0.1', '::1', 'x'].map(addressFamily), [4, 6, null])
  })
})
