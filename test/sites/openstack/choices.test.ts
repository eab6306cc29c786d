import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { machinesLeft, zonesFor } from '../../../src/sites/openstack/choices.ts'
import type { Flavor, Limits } from '../../../src/sites/openstack/schemas.ts'

const zones = ['c', 'a', 'b'].map((name) => ({ name, available: true }))

describe('zonesFor', () => {
  it('gives a machine all zones, always in the same order, and machines different ones first', () => {
    const counts = new Map<string, number>()
    for (let k = 0; k < 300; k += 1) {
      const spec = { id: `node-${k}`, avoidHosts: [] }
      const order = zonesFor('cloudy', zones, spec)
      assert.deepEqual(order.toSorted(), ['a', 'b', 'c'])
      assert.deepEqual(zonesFor('cloudy', zones.toReversed(), spec), order)
      counts.set(order[0] ?? '', (counts.get(order[0] ?? '') ?? 0) + 1)
    }
    for (const count of counts.values()) assert.ok(count > 60, `${count} of 300`)
  })

  it('leaves out zones to avoid and zones that are away, and says why none is left', () => {
    const [first, ...others] = zones
    const some = [{ name: first?.name ?? '', available: false }, ...others]
    assert.deepEqual(zonesFor('cloudy', some, { id: 'x', avoidHosts: ['a'] }), ['b'])
    assert.throws(() => zonesFor('cloudy', some, { id: 'x', avoidHosts: ['a', 'b'] }), {
      code: 'InsufficientCapacity',
      message: 'cloudy: no zone takes machines now: c is not available, a is to be avoided, b is to be avoided',
    })
  })
})

describe('machinesLeft', () => {
  const flavor = (vcpus: number, ram: number): Flavor => ({ id: `${vcpus}`, name: `${vcpus}`, vcpus, ram })
  const limits = (over: Partial<Limits>): Limits => ({
    maxTotalInstances: -1,
    totalInstancesUsed: 3,
    maxTotalCores: -1,
    totalCoresUsed: 12,
    maxTotalRAMSize: -1,
    totalRAMUsed: 8192,
    ...over,
  })

  it('is what the scarcest quota leaves', () => {
    const flavors = [flavor(4, 4096), flavor(8, 2048)]
    assert.equal(machinesLeft(limits({}), flavors), null)
    assert.equal(machinesLeft(limits({ maxTotalInstances: 10 }), flavors), 7)
    assert.equal(machinesLeft(limits({ maxTotalInstances: 10, maxTotalCores: 35 }), flavors), 5)
    assert.equal(machinesLeft(limits({ maxTotalInstances: 10, maxTotalRAMSize: 8192 + 4095 }), flavors), 1)
    assert.equal(machinesLeft(limits({ maxTotalInstances: 2 }), flavors), 0)
    assert.equal(machinesLeft(limits({ maxTotalCores: 13 }), []), null)
  })
})
