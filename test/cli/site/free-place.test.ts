import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { contains, parseIpv4, parseSubnet, type Subnet } from '../../../src/base/ipv4.ts'
import { freeAddress, freePlace } from '../../../src/cli/site/free-place.ts'
import type { ControllerConfig } from '../../../src/config/controller-schema.ts'
import { someConfig } from '../../support/controller-config.ts'

function withPool(config: ControllerConfig, name: string, pool: string, address: string): ControllerConfig {
  const { east } = config.sites
  assert.ok(east)
  return { ...config, sites: { ...config.sites, [name]: { ...east, pool, gateway: { ...east.gateway, address } } } }
}

function subnet(text: string): Subnet {
  const parsed = parseSubnet(text)
  assert.ok(parsed, text)
  return parsed
}

const overlap = (a: Subnet, b: Subnet) => contains(a, b.base) || contains(b, a.base)

describe('freePlace', () => {
  it('takes the first free /24, beside the head and the other sites, and its last address', () => {
    const config = someConfig()
    assert.deepEqual(freePlace(config, 10), { pool: '10.77.2.0/24', address: '10.77.2.254' })
    assert.deepEqual(freePlace(withPool(config, 'west', '10.77.2.64/26', '10.77.2.126'), 10), {
      pool: '10.77.3.0/24',
      address: '10.77.3.254',
    })
  })

  it('takes a larger block for more nodes, and a small one where there is no /24', () => {
    const config = someConfig()
    assert.deepEqual(freePlace(config, 254), { pool: '10.77.2.0/23', address: '10.77.3.254' })
    const narrow = { ...config, cluster: { ...config.cluster, subnet: '10.77.0.0/23' } }
    assert.deepEqual(freePlace(narrow, 10), { pool: '10.77.0.16/28', address: '10.77.0.30' })
    assert.throws(() => freePlace(narrow, 200), /no free block for 200 nodes: name one with --pool/)
  })

  it('never takes what somebody has, and has room for all nodes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 12 }), (sizes) => {
        let config = someConfig()
        const { subnet: whole } = config.cluster
        const pools = [subnet('10.77.1.0/24'), subnet('10.77.0.1/32')]
        for (const [index, nodes] of sizes.entries()) {
          const { pool, address } = freePlace(config, nodes)
          const block = subnet(pool)
          assert.ok(contains(subnet(whole), block.base))
          assert.ok(contains(block, parseIpv4(address) ?? 0))
          assert.ok(2 ** (32 - block.prefix) - 3 >= nodes)
          assert.ok(!pools.some((other) => overlap(block, other)), `${pool} is taken`)
          pools.push(block)
          config = withPool(config, `site${index}`, pool, address)
        }
      }),
      { numRuns: 30 },
    )
  })
})

describe('freeAddress', () => {
  it("goes down from the gateway's, past what others have and what nodes of the site may get", () => {
    const config = someConfig()
    assert.equal(freeAddress(config, 'east'), '10.77.1.253')
    const lower = withPool(config, 'west', '10.77.1.128/25', '10.77.1.253')
    assert.equal(freeAddress(lower, 'east'), '10.77.1.127')
    // Two nodes: .1 and .2; the head has 10.77.0.1.
    const low = withPool(config, 'east', '10.77.1.0/24', '10.77.1.3')
    assert.equal(freeAddress(low, 'east'), '10.77.1.0')
    const first = withPool(config, 'east', '10.77.1.0/24', '10.77.0.2')
    assert.throws(() => freeAddress(first, 'east'), { code: 'InvalidRequest', message: /--segment-address/ })
  })
})
