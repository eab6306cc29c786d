import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { formatIpv4 } from '../../src/base/ipv4.ts'
import {
  addressInSubnet,
  bridgeName,
  innerMtu,
  memberMac,
  parseAddress,
  parseNetwork,
  poolAddress,
  portName,
  tableName,
  vxlanName,
} from '../../src/network/addressing.ts'

const invalid = { code: 'InvalidRequest' }
const address = fc.integer({ min: 0, max: 0xffffffff }).map(formatIpv4)

describe('addresses', () => {
  it('are numbers and back', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (n) => parseAddress(formatIpv4(n)) === n))
    assert.equal(parseAddress('10.77.1.254'), 0x0a4d01fe)
  })

  it('are refused in any other form', () => {
    for (const bad of [
      '',
      '10.77.1',
      '10.77.1.256',
      '10.77.1.1.1',
      '010.77.1.1',
      '10.77.1.1 ',
      '::1',
      '1e1.1.1.1',
      '10..1.1',
    ]) {
      assert.throws(() => parseAddress(bad), invalid, bad)
    }
  })
})

describe('networks', () => {
  it('know their addresses', () => {
    assert.deepEqual(parseNetwork('10.77.0.0/16'), { base: 0x0a4d0000, prefix: 16 })
    assert.deepEqual(parseNetwork('0.0.0.0/0'), { base: 0, prefix: 0 })
    assert.equal(addressInSubnet('10.77.255.255', '10.77.0.0/16'), true)
    assert.equal(addressInSubnet('10.78.0.0', '10.77.0.0/16'), false)
    assert.equal(addressInSubnet('255.255.255.255', '255.255.255.255/32'), true)
  })

  it('are refused with host bits or a bad length', () => {
    for (const bad of ['10.77.0.1/16', '10.77.0.0', '10.77.0.0/33', '10.77.0.0/', '10.77.0.0/1 6', '10.77.0.0/16/16']) {
      assert.throws(() => parseNetwork(bad), invalid, bad)
    }
  })
})

describe('the pool of a site', () => {
  it('gives the k-th address, each one inside and once', () => {
    assert.equal(poolAddress('10.77.1.0/24', 1), '10.77.1.1')
    assert.equal(poolAddress('10.77.1.0/24', 254), '10.77.1.254')
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1022 }), (k) => {
        const given = poolAddress('10.77.4.0/22', k)
        return addressInSubnet(given, '10.77.4.0/22') && parseAddress(given) - parseAddress('10.77.4.0') === k
      }),
    )
  })

  it('ends before its last address', () => {
    for (const k of [0, -1, 255, 1.5, Number.NaN]) assert.throws(() => poolAddress('10.77.1.0/24', k), invalid)
    assert.throws(() => poolAddress('10.77.1.0/32', 1), invalid)
    assert.throws(() => poolAddress('10.77.1.0/31', 1), invalid)
  })
})

describe('names and sizes', () => {
  it('derive a MAC from the address, another one for another address', () => {
    assert.equal(memberMac('10.77.1.254'), '02:43:0a:4d:01:fe')
    fc.assert(fc.property(address, address, (a, b) => (memberMac(a) === memberMac(b)) === (a === b)))
  })

  it('leave 50 bytes to VXLAN', () => {
    assert.equal(innerMtu(1500), 1450)
    assert.equal(innerMtu(9000), 8950)
    for (const bad of [625, 65_536, 1500.5, Number.NaN]) assert.throws(() => innerMtu(bad), invalid)
  })

  it('fit into a device name', () => {
    assert.deepEqual([bridgeName(77), vxlanName(77), tableName(77)], ['cw77', 'cwx77', 'causeway_77'])
    assert.ok(vxlanName(16_777_215).length <= 15)
    for (const bad of [0, -1, 16_777_216, 1.5, Number.NaN]) assert.throws(() => bridgeName(bad), invalid)
  })

  it('take the end of an id, where time-ordered ids differ', () => {
    assert.equal(portName('0199A2c4-7d1e-7c3a-9f00-0123456789AB'), 'cwp456789ab')
    assert.throws(() => portName('xyz-123'), invalid)
  })
})
