import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Policy } from '../../../src/elastic/plan/policy.ts'
import { bootMs, rules, run, startedAtMs, typePolicy, waits } from './little-world.ts'

const minuteMs = 60_000
const hourMs = 3_600_000

for (const places of ['scheduler', 'causeway'] as const) {
  describe(`a simulation where the ${places} places`, () => {
    const east = (over = {}) => typePolicy('east', { maximum: 2, idleMs: 20_000, ...over })
    const west = (over = {}) => typePolicy('west', { maximum: 4, idleMs: 20_000, ...over })

    it('lets one job wait for the boot of its node, and then takes the node away', () => {
      const result = run([{}], rules([east({ costPerHour: 3.6 })]), { places })
      assert.deepEqual(waits(result), [bootMs])
      assert.equal(result.jobs[0]?.endMs, bootMs + minuteMs)
      assert.deepEqual(result.jobs[0]?.sites, ['east'])
      const livedMs = bootMs + minuteMs + 20_000
      assert.deepEqual(result.lives, [
        {
          site: 'east',
          type: 'standard',
          beganMs: 0,
          readyMs: bootMs,
          endedMs: livedMs,
          busyMs: minuteMs,
          cost: (livedMs / hourMs) * 3.6,
          failed: false,
        },
      ])
      assert.equal(result.endedMs, livedMs)
    })

    it('adds the batch window to the wait', () => {
      const result = run([{}], rules([east()]), { places, pace: { batchMs: 1000 } })
      assert.deepEqual(waits(result), [bootMs + 1000])
    })

    it('fills the preferred site first and spills to the next', () => {
      const result = run([{}, {}, {}], rules([east(), west()]), { places })
      assert.deepEqual(
        result.jobs.map(({ sites }) => sites),
        [['east'], ['east'], ['west']],
      )
      assert.deepEqual(waits(result), [bootMs, bootMs, bootMs])
    })

    it('keeps the nodes of a job in one site, all or none', () => {
      const result = run([{ nodeCount: 4 }], rules([east(), west()]), { places })
      assert.deepEqual(result.jobs[0]?.sites, ['west'])
      assert.deepEqual(waits(result), [bootMs])
      assert.equal(result.lives.length, 4)
    })

    it('starts a job when its last node is there', () => {
      const result = run([{ nodeCount: 4 }], rules([west()]), { places, site: { west: { spread: 2 } } })
      const last = Math.max(...result.lives.map(({ readyMs }) => readyMs ?? Infinity))
      assert.ok(result.lives.some(({ readyMs }) => readyMs !== last))
      assert.deepEqual(waits(result), [last])
    })

    it('spans sites where a rule says so', () => {
      const placement = [{ queue: 'batch', feature: '', spread: 'may-span', sites: [] }] as const
      const result = run([{ nodeCount: 6 }], rules([east(), west()], { placement }), { places })
      assert.deepEqual(result.jobs[0]?.sites, ['east', 'west'])
    })

    it('makes jobs wait at the maximum, and gives them the nodes of those before', () => {
      const result = run([{}, {}, {}], rules([east()]), { places })
      assert.deepEqual(waits(result), [bootMs, bootMs, bootMs + minuteMs])
      assert.equal(result.lives.length, 2)
    })

    it('lets a job go ahead if it does not delay the first that waits, and no other', () => {
      const second = 1000
      const result = run(
        [
          { runMs: 600 * second, wallMs: 600 * second },
          { submitMs: second, nodeCount: 2 },
          { submitMs: 2 * second },
          { submitMs: 3 * second, wallMs: hourMs },
        ],
        rules([east()]),
        { places },
      )
      const starts = result.jobs.map(({ startMs }) => (startMs ?? NaN) / second)
      assert.deepEqual(starts, [100, 700, 102, 760])
    })

    it('sends a job where its features say', () => {
      const result = run([{ features: 'site-west' }], rules([east(), west()]), { places })
      assert.deepEqual(result.jobs[0]?.sites, ['west'])
    })

    it('lets small jobs share a node', () => {
      const small = { exclusive: false, perNode: { cpus: 4, memoryMiB: 1000, gpus: 0 } }
      const result = run([small, small, small], rules([east()]), { places })
      assert.deepEqual(waits(result), [bootMs, bootMs, bootMs])
      assert.equal(result.lives.length, 2)
    })

    it('reports jobs that can never run as unfinished, and ends', () => {
      const result = run([{ nodeCount: 5 }, {}], rules([east(), west()]), { places })
      assert.deepEqual(waits(result), [null, bootMs])
      assert.equal(result.lives.length, 1)
    })

    it('keeps an idle node for its idle time, so that the next job need not wait', () => {
      const atMs = bootMs + minuteMs
      const result = run([{}, { submitMs: atMs + 19_000 }, { submitMs: atMs + 10 * minuteMs }], rules([east()]), {
        places,
      })
      assert.deepEqual(waits(result), [bootMs, 0, bootMs])
      assert.equal(result.lives.length, 2)
    })

    it('takes a drain back when a job comes before the node is deleted', () => {
      const drainedMs = 1000 + bootMs + minuteMs + 20_000
      const result = run([{}, { submitMs: drainedMs + 500 }], rules([east({ maximum: 1 })]), {
        places,
        pace: { batchMs: 1000 },
      })
      assert.deepEqual(waits(result), [bootMs + 1000, 500])
      assert.equal(result.lives.length, 1)
    })

    it('keeps a node that is paid for until shortly before the end of that time', () => {
      const type = east({ billingMs: hourMs, costPerHour: 1 })
      const result = run([{}, { submitMs: 50 * minuteMs }], rules([type]), { places })
      assert.deepEqual(waits(result), [bootMs, 0])
      assert.equal(result.lives[0]?.endedMs, 0.9 * hourMs)
      assert.equal(result.lives[0]?.cost, 1)
    })

    it('keeps a least lifetime', () => {
      const result = run([{}], rules([east({ lifetimeMs: hourMs })]), { places })
      assert.equal(result.lives[0]?.endedMs, hourMs)
    })

    it('has its minimum and its spare nodes ready, and a job that takes one is made up for', () => {
      const result = run([{ submitMs: 5 * minuteMs }], rules([west({ minimum: 1, spare: 2 })]), { places })
      assert.deepEqual(waits(result), [0])
      assert.deepEqual(
        result.lives.map(({ beganMs }) => beganMs).toSorted((a, b) => a - b),
        [0, 0, 5 * minuteMs],
      )
    })

    it('begins nothing that a budget does not allow, and goes on in the next period', () => {
      const dayMs = 24 * hourMs
      const budgetsAt = (now: number) => {
        const day = Math.floor((now - startedAtMs) / dayMs)
        const startMs = startedAtMs + day * dayMs
        return [{ period: 'day', site: null, amount: 1.5, startMs, endMs: startMs + dayMs }] as const
      }
      const policies = new Map<number, Policy>()
      const at = (now: number) => {
        const budgets = budgetsAt(now)
        const known =
          policies.get(budgets[0].startMs) ?? rules([east({ costPerHour: 1, billingMs: hourMs })], { budgets })
        policies.set(budgets[0].startMs, known)
        return known
      }
      const nextChangeMs = (now: number) => budgetsAt(now)[0].endMs
      const job = { runMs: 0.7 * hourMs, wallMs: 0.7 * hourMs }
      const result = run([job, { ...job, submitMs: 2 * hourMs }], at(startedAtMs), {
        places,
        policy: { at, nextChangeMs },
      })
      assert.deepEqual(waits(result), [bootMs, 22 * hourMs + bootMs])
    })

    it('follows a window that raises the maximum', () => {
      const small = rules([east({ maximum: 1, names: 2 })])
      const large = rules([east({ maximum: 2, names: 2 })])
      const opensMs = startedAtMs + 10 * minuteMs
      const long = { runMs: hourMs, wallMs: hourMs }
      const result = run([long, long], small, {
        places,
        policy: {
          at: (now) => (now < opensMs ? small : large),
          nextChangeMs: (now) => (now < opensMs ? opensMs : null),
        },
      })
      assert.deepEqual(waits(result), [bootMs, 10 * minuteMs + bootMs])
    })

    it('goes to another site when one has no room', () => {
      const result = run([{}, {}], rules([east(), west()]), { places, site: { east: { capacity: 1 } } })
      assert.deepEqual(
        result.jobs.map(({ sites }) => sites[0]),
        ['east', 'west'],
      )
      assert.equal(result.lives.filter(({ failed }) => failed).length, 1)
    })

    it('closes a site where every create fails, and goes round it', () => {
      const jobs = Array.from({ length: 6 }, (_, i) => ({ submitMs: i * 20 * minuteMs }))
      const result = run(jobs, rules([east(), west()]), { places, site: { east: { failures: 1 } } })
      assert.deepEqual(
        result.jobs.map(({ sites }) => sites[0]),
        ['west', 'west', 'west', 'west', 'west', 'west'],
      )
      // Two in a row close it; after that it is tried with one node at a time.
      const tries = result.lives.filter(({ site }) => site === 'east').map(({ beganMs }) => beganMs)
      const minutes = tries.map((beganMs) => Math.floor(beganMs / minuteMs))
      assert.deepEqual(minutes, [0, 5, 40, 60, 80, 100])
    })
  })
}
