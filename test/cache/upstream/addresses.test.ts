import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatIpv4, parseIpv4 } from '../../../src/base/ipv4.ts'
import { formatIpv6, parseIpv6 } from '../../../src/base/ipv6.ts'
import { isPrivate } from '../../../src/cache/upstream/addresses.ts'

test('first and last of each special block are private, their neighbours are public', () => {
  const blocks = [
    ['10.0.0.0', '10.255.255.255'],
    ['100.64.0.0', '100.127.255.255'],
    ['127.0.0.0', '127.255.255.255'],
    ['169.254.0.0', '169.254.255.255'],
    ['172.16.0.0', '172.31.255.255'],
    ['192.168.0.0', '192.168.255.255'],
    ['198.18.0.0', '198.19.255.255'],
    ['203.0.113.0', '203.0.113.255'],
  ] as const
  for (const [first, last] of blocks) {
    assert.equal(isPrivate(first), true, first)
    assert.equal(isPrivate(last), true, last)
    assert.equal(isPrivate(formatIpv4((parseIpv4(first) ?? 0) - 1)), false, `before ${first}`)
    assert.equal(isPrivate(formatIpv4((parseIpv4(last) ?? 0) + 1)), false, `after ${last}`)
  }
  for (const each of ['0.0.0.0', '0.1.2.3', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255']) {
    assert.equal(isPrivate(each), true, each)
  }
})

test('of IPv6 only what is given out for the Internet is public', () => {
  const secret = ['::', '::1', '::7f00:1', 'fe80::1', 'febf::1', 'fec0::1', 'fc00::1', 'fd12:3456::1', 'ff02::1']
  const more = ['100::1', '2001::1', '2001:db8::1', '3fff::1', '4000::1', '5f00::1', '64:ff9b:1::a00:1', '1fff::1']
  for (const each of [...secret, ...more]) assert.equal(isPrivate(each), true, each)
  for (const each of ['2606:4700::1111', '2a04:4e42::644', '2001:200::1', '2001:4860:4860::8888']) {
    assert.equal(isPrivate(each), false, each)
  }
})

test('what is no address is private', () => {
  for (const each of ['', 'localhost', '127.1', '0x7f.0.0.1', '010.0.0.1', '8.8.8.8.', ' 8.8.8.8', 'fe80::1%eth0']) {
    assert.equal(isPrivate(each), true, each)
  }
})

const ipv4 = fc.nat({ max: 0xffff_ffff }).map((value) => value >>> 0)

test('an IPv4 address in whatever IPv6 form is as private as it is by itself', () => {
  fc.assert(
    fc.property(ipv4, (value) => {
      const own = isPrivate(formatIpv4(value))
      assert.equal(isPrivate(formatIpv6((0xffffn << 32n) | BigInt(value))), own)
      assert.equal(isPrivate(`::ffff:${formatIpv4(value)}`), own)
      assert.equal(isPrivate(formatIpv6((parseIpv6('64:ff9b::') ?? 0n) | BigInt(value))), own)
      assert.equal(isPrivate(formatIpv6((0x2002n << 112n) | (BigInt(value) << 80n) | 1n)), own)
    }),
  )
})

test('however an IPv6 address is spelled, the answer is the same', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (value) => {
      const long = Array.from({ length: 8 }, (_, k) => ((value >> BigInt(112 - 16 * k)) & 0xffffn).toString(16))
      const padded = long.map((group) => group.padStart(4, '0').toUpperCase()).join(':')
      assert.equal(isPrivate(padded), isPrivate(formatIpv6(value)))
    }),
  )
})
