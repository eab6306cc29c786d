import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'
import {
  deletable,
  isUnsettled,
  type Rests,
  restsAfter,
  settledAfter,
} from '../../../../src/hooks/schedulers/slurm/dynamic-rest.ts'
import type { SlurmNode } from '../../../../src/hooks/schedulers/slurm/sinfo.ts'
import type { SlurmJob } from '../../../../src/hooks/schedulers/slurm/squeue.ts'

const minutes = 60_000

const node = (name: string, facts: Partial<SlurmNode> = {}): SlurmNode =>
  ({ name, busy: false, drained: true, down: false, planned: false, ...facts }) as SlurmNode
const job = (allocated: SlurmJob['allocated'], state: SlurmJob['state'] = 'completing') =>
  ({ id: '1', state, allocated }) as SlurmJob

/** Drained at 1000, and Slurm seen not to plan at 2000. */
const settled: Rests = new Map([['east-1', { sinceMs: 1000, settledMs: 2000 }]])
const isDue = (facts: Partial<SlurmNode>, jobs: readonly SlurmJob[] = [], rests = settled, beganMs = 3000) =>
  deletable(['east-1'], { jobs, nodes: [node('east-1', facts), node('east-2')] }, rests, beganMs).length === 1

suite('whether Slurm can delete a node without harm', () => {
  test('a drained node that nothing in Slurm points to can go; only those asked for do', () => {
    assert.equal(isDue({}), true)
    assert.deepEqual(deletable(['west-1'], { jobs: [], nodes: [node('east-1')] }, settled, 3000), [])
  })

  test('a job that was on it may still end: its EpilogSlurmctld runs, or it is suspended', () => {
    assert.equal(isDue({}, [job(['east-1', 'east-2'])]), false)
    assert.equal(isDue({}, [job(['east-1'], 'other')]), false)
    assert.equal(isDue({}, [job(['east-2']), job([], 'ended')]), true)
    // It may have been on any node.
    assert.equal(isDue({}, [job(null)]), false)
  })

  test('a busy node, one that takes jobs, and one that Slurm has planned a job on are kept', () => {
    assert.equal(isDue({ busy: true }), false)
    assert.equal(isDue({ drained: false }), false)
    assert.equal(isDue({ planned: true }), false)
  })

  test('the drain must have been there, and Slurm must have been seen not to plan, before the reading began', () => {
    assert.equal(isDue({}, [], new Map()), false)
    assert.equal(isDue({}, [], new Map([['east-1', { sinceMs: 1000, settledMs: null }]])), false)
    assert.equal(isDue({}, [], settled, 1999), false)
    assert.equal(isDue({}, [], settled, 2000), true)
  })

  test('plans of Slurm are not waited for longer than five minutes, jobs are', () => {
    const unsettled: Rests = new Map([['east-1', { sinceMs: 1000, settledMs: null }]])
    for (const rests of [settled, unsettled]) {
      assert.equal(isDue({ planned: true }, [], rests, 1000 + 5 * minutes - 1), false)
      assert.equal(isDue({ planned: true }, [], rests, 1000 + 5 * minutes), true)
    }
    assert.equal(isDue({}, [job(['east-1'])], settled, 90 * minutes), false)
  })
})

suite('what is known of drained nodes', () => {
  test('a drain counts from the first reading that showed it, and anew when it was lifted', () => {
    const first = restsAfter([node('east-1'), node('east-2', { drained: false })], new Map(), 1000)
    assert.deepEqual([...first], [['east-1', { sinceMs: 1000, settledMs: null }]])
    assert.equal(isUnsettled(['east-1'], first), true)
    assert.equal(isUnsettled(['east-2', 'east-9'], first), false)
    const rests = restsAfter([node('east-1'), node('east-2')], settledAfter(first, first, 2000), 3000)
    assert.deepEqual(rests.get('east-1'), { sinceMs: 1000, settledMs: 2000 })
    assert.deepEqual(rests.get('east-2'), { sinceMs: 3000, settledMs: null })
    const lifted = restsAfter([node('east-1', { drained: false })], rests, 4000)
    assert.deepEqual(restsAfter([node('east-1')], lifted, 5000).get('east-1'), { sinceMs: 5000, settledMs: null })
  })

  test('that Slurm does not plan says nothing of drains that came while it was asked', () => {
    const asked = restsAfter([node('east-1')], new Map(), 1000)
    const now = restsAfter([node('east-1'), node('east-2')], asked, 1500)
    const after = settledAfter(now, asked, 2000)
    assert.deepEqual([after.get('east-1')?.settledMs, after.get('east-2')?.settledMs], [2000, null])
    const again: Rests = new Map([['east-1', { sinceMs: 1700, settledMs: null }]])
    assert.equal(settledAfter(again, asked, 2000).get('east-1')?.settledMs, null)
    assert.equal(settledAfter(after, after, 9000).get('east-1')?.settledMs, 2000)
  })

  test('however the clock is set, a node that stays drained can go by the second reading after Slurm was seen not to plan', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1e6), { minLength: 4, maxLength: 4 }), ([a = 0, b = 0, c = 0, d = 0]) => {
        const nodes = [node('east-1')]
        const drained = restsAfter(nodes, new Map(), a)
        const rests = restsAfter(nodes, settledAfter(drained, drained, b), c)
        // The reading ended at `c`; the next begins after it, or the clock was set back once more.
        const next = d >= c ? rests : restsAfter(nodes, rests, d)
        assert.deepEqual(deletable(['east-1'], { jobs: [], nodes }, next, d), ['east-1'])
      }),
    )
  })
})
