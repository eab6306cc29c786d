import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Domain, Inventory } from '../../../src/sites/libvirt/inventory.ts'
import { type Candidate, type Need, needOf, overheadMiB, place, roomOf } from '../../../src/sites/libvirt/placement.ts'
import { libvirtConfig } from './config.ts'
import { inventory } from './inventory-sample.ts'

const need: Need = { cpus: 1, memoryMiB: 1024, hugePageKiB: null }
const spread = { placement: 'spread', canBring: false } as const

function candidate(host: string, over: Partial<Candidate> = {}, memoryMiB = 8192): Candidate {
  const room = { cpus: 8, memoryMiB, diskMiB: 1000, hugePages: new Map<number, number>() }
  return { host, room, hasImage: true, closed: null, ...over }
}

const domain = (over: Partial<Domain> = {}): Domain => ({
  stamp: null,
  active: true,
  running: true,
  cpus: 2,
  memoryMiB: 2048,
  hugePages: false,
  residentMiB: 500,
  ...over,
})

describe('room at a host', () => {
  const config = libvirtConfig({ cpuOvercommit: 2, reserve: { memory: '1GiB', disk: '2GiB' } })
  const host: Inventory = inventory({ cpus: 4, availableMiB: 10_000, diskMiB: 5000, hugePages: new Map([[2048, 600]]) })

  it('is what the kernel could give, without the reserve', () => {
    const { hugePages, ...room } = roomOf(host, [], config)
    assert.deepEqual(room, { cpus: 8, memoryMiB: 8976, diskMiB: 2952 })
    assert.equal(hugePages.get(2048), 600)
  })

  it('leaves machines what they were given and have not touched yet, foreign ones too', () => {
    const domains = [domain(), domain({ active: false }), domain({ hugePages: true }), domain({ residentMiB: 3000 })]
    const room = roomOf({ ...host, domains }, [], config)
    assert.equal(room.memoryMiB, 8976 - (2048 - 500))
    assert.equal(room.cpus, 8 - 3 * 2)
  })

  it('counts machines on their way, by the pages that they will have', () => {
    const common = roomOf(host, [need], config)
    assert.ok(common.memoryMiB <= 8976 - 1024 - overheadMiB)
    assert.equal(common.cpus, 7)
    const huge = roomOf(host, [{ ...need, hugePageKiB: 2048 }], config)
    assert.equal(huge.hugePages.get(2048), 600 - 512)
    assert.ok(huge.memoryMiB > 8976 - 1024)
  })
})

describe('placement', () => {
  it('spreads to the emptiest host, or packs the fullest that has room', () => {
    const hosts = [candidate('a', {}, 4000), candidate('b', {}, 9000), candidate('c', {}, 1100)]
    assert.deepEqual(place(need, hosts, spread), { host: 'b' })
    assert.deepEqual(place(need, hosts, { ...spread, placement: 'pack' }), { host: 'a' })
  })

  it('prefers hosts that have the image, and takes others only where it can be brought', () => {
    const hosts = [candidate('a', { hasImage: false }, 90_000), candidate('b', {}, 3000)]
    assert.deepEqual(place(need, hosts, { ...spread, canBring: true }), { host: 'b' })
    const alone = [candidate('a', { hasImage: false })]
    assert.deepEqual(place(need, alone, { ...spread, canBring: true }), { host: 'a' })
    assert.deepEqual(place(need, alone, spread), {
      host: null,
      imageMissing: true,
      reasons: ['a: it has no such image'],
    })
  })

  it('calls it room that is missing where the host with the image is full', () => {
    const hosts = [candidate('a', { hasImage: false }), candidate('b', {}, 10)]
    const refused = place(need, hosts, spread)
    assert.ok(refused.host === null && !refused.imageMissing)
    assert.match(refused.reasons.join('; '), /^a: it has no such image; b: 10 MiB are free, \d+ are wanted$/)
  })

  for (const [what, over, says] of [
    ['closed hosts', { closed: 'it is in maintenance' }, /^a: it is in maintenance$/],
    ['full disks', { room: { ...candidate('a').room, diskMiB: 0 } }, /disk is full/],
    ['too few CPUs', { room: { ...candidate('a').room, cpus: 0 } }, /0 CPUs are free, 1 are wanted/],
  ] as const) {
    it(`refuses ${what}, and says so`, () => {
      const refused = place(need, [candidate('a', over)], spread)
      assert.ok(refused.host === null)
      assert.match(refused.reasons.join(), says)
    })
  }

  it('takes huge pages from hosts that have enough of that size', () => {
    const config = libvirtConfig({ types: { big: { hugePages: '2MiB' } } })
    const huge = needOf({ cpus: 1, memoryMiB: 1024, type: 'big' }, config)
    const room = { ...candidate('a').room, hugePages: new Map([[2048, 511]]) }
    const refused = place(huge, [candidate('a', { room })], spread)
    assert.ok(refused.host === null)
    assert.match(refused.reasons.join(), /511 huge pages of 2048 KiB are free, 512 are wanted/)
    assert.deepEqual(place(huge, [candidate('a', { room: { ...room, hugePages: new Map([[2048, 512]]) } })], spread), {
      host: 'a',
    })
  })

  it('never chooses a host that is closed, too small or without image, and refuses only where none is left', () => {
    const hosts = fc.uniqueArray(
      fc.record({
        host: fc.stringMatching(/^[a-f]$/),
        room: fc.record({
          cpus: fc.integer({ min: -1, max: 4 }),
          memoryMiB: fc.integer({ min: -100, max: 4000 }),
          diskMiB: fc.integer({ min: -1, max: 2 }),
          hugePages: fc.constant(new Map<number, number>()),
        }),
        hasImage: fc.boolean(),
        closed: fc.constantFrom(null, 'closed'),
      }),
      { selector: ({ host }) => host, maxLength: 5 },
    )
    const rules = fc.record({ placement: fc.constantFrom('spread' as const, 'pack' as const), canBring: fc.boolean() })
    fc.assert(
      fc.property(hosts, rules, fc.integer({ min: 1, max: 3 }), (candidates, rule, cpus) => {
        const wanted = { ...need, cpus }
        const able = candidates.filter(
          ({ room, closed, hasImage }) =>
            closed === null &&
            room.diskMiB > 0 &&
            room.cpus >= cpus &&
            room.memoryMiB > wanted.memoryMiB + overheadMiB &&
            (hasImage || rule.canBring),
        )
        const { host, ...rest } = place(wanted, candidates, rule)
        if (host !== null) {
          const chosen = candidates.find((one) => one.host === host)
          assert.ok(chosen && chosen.closed === null && chosen.room.diskMiB > 0 && chosen.room.cpus >= cpus)
          assert.ok(chosen.room.memoryMiB >= wanted.memoryMiB + overheadMiB && (chosen.hasImage || rule.canBring))
          if (!chosen.hasImage) assert.ok(!able.some((one) => one.hasImage && one.room.memoryMiB > 1300))
        } else {
          assert.ok(!able.some(({ room }) => room.memoryMiB > 1300))
          assert.equal('reasons' in rest && rest.reasons.length, candidates.length)
        }
        // Which order the hosts are told in makes no difference.
        assert.equal(place(wanted, candidates.toReversed(), rule).host, host)
      }),
    )
  })
})
