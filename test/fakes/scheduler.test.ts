import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Job, Size } from '../../src/elastic/plan/demand.ts'
import { FakeScheduler } from './scheduler.ts'

const size: Size = { cpus: 4, memoryMiB: 1000, gpus: 1 }
const names = ['east-1', 'east-2', 'east-3', 'west-1']
const specs = names.map((name, k) => ({
  name,
  weight: k,
  features: [`site-${name.slice(0, 4)}`],
  size: { ...size, cpus: k === 3 ? 8 : 4 },
}))

/** A queue with all nodes there. */
async function allThere(places: 'scheduler' | 'causeway'): Promise<FakeScheduler> {
  const queue = new FakeScheduler(specs, { places })
  await queue.powerUp(names)
  for (const name of names) queue.machineUp(name)
  return queue
}
const nodesOf = (queue: FakeScheduler, id: string) => queue.peek().jobs.find((job) => job.id === id)?.nodes

test('jobs that are not exclusive share a node as far as its size goes, exclusive ones do not', async () => {
  const queue = await allThere('causeway')
  const small = { perNode: { cpus: 2, memoryMiB: 100 }, exclusive: false, features: 'site-east' }
  const ids = [small, small, small, { features: 'site-east' }, { ...small, perNode: { cpus: 2, gpus: 2 } }].map(
    (spec) => queue.submit({ ...spec, runMs: 10_000 }),
  )
  queue.tick(100)
  assert.deepEqual(
    ids.map((id) => nodesOf(queue, id)),
    [['east-1'], ['east-1'], ['east-2'], ['east-3'], []],
  )
})

test('a later job goes first if it fits where an earlier one does not', async () => {
  const queue = await allThere('causeway')
  queue.submit({ nodes: 3, runMs: 5000 })
  const wide = queue.submit({ nodes: 2 })
  const narrow = queue.submit({})
  queue.tick(100)
  assert.deepEqual([nodesOf(queue, wide), nodesOf(queue, narrow)], [[], ['west-1']])
})

test('a job is ended at its limit of time', async () => {
  const queue = await allThere('causeway')
  const id = queue.submit({ runMs: 60_000, wallMs: 1000 })
  queue.tick(1500)
  assert.equal(queue.peek().jobs.find((job) => job.id === id)?.state, 'ended')
})

test('where Causeway places, a machine says what it is, or the table of machines does', () => {
  const queue = new FakeScheduler([], {
    places: 'causeway',
    resolve: (name) => ({ features: [`of-${name}`], size: { cpus: 2 } }),
  })
  assert.deepEqual(queue.peek().nodes, [])
  queue.machineUp('a')
  queue.machineUp('b', { features: ['big'], size: { cpus: 64 } })
  assert.deepEqual(
    queue.peek().nodes.map((node) => [node.name, node.power, node.features]),
    [
      ['a', 'present', ['of-a']],
      ['b', 'present', ['big']],
    ],
  )
  const id = queue.submit({ perNode: { cpus: 64 } })
  queue.tick(100)
  assert.deepEqual(nodesOf(queue, id), ['b'])
})

test('a restarted scheduler that forgot a powered-down node has it again, silent, and one that came since comes again', async () => {
  const queue = new FakeScheduler(specs, { places: 'causeway' })
  queue.machineUp('east-1')
  const restart = queue.checkpoint()
  await queue.powerDown(['east-1'])
  queue.machineUp('east-2')
  await queue.drain(['east-2'], 'x')
  restart()
  const nodes = queue.peek().nodes.map(({ name, responding, drained }) => ({ name, responding, drained }))
  assert.deepEqual(nodes, [
    { name: 'east-1', responding: false, drained: false },
    { name: 'east-2', responding: true, drained: false },
  ])
})

/** Something that happens to a queue. */
const deeds = {
  submit: (queue: FakeScheduler, k: number) =>
    queue.submit({
      nodes: 1 + (k % 3),
      runMs: 300 * (1 + (k % 11)),
      perNode: { cpus: 1 + (k % 4), memoryMiB: 150 * (k % 5), gpus: k % 2 },
      exclusive: k % 7 === 0,
      features: k % 5 === 0 ? 'site-east' : '',
      held: k % 13 === 0,
    }),
  tick: (queue: FakeScheduler, k: number) => queue.tick(100 * (1 + (k % 40))),
  machineUp: (queue: FakeScheduler, k: number) => queue.machineUp(name(k)),
  machineLost: (queue: FakeScheduler, k: number) => queue.machineLost(name(k)),
  machineRebooted: (queue: FakeScheduler, k: number) => queue.machineRebooted(name(k)),
  powerUp: (queue: FakeScheduler, k: number) => queue.powerUp([name(k)]),
  drain: (queue: FakeScheduler, k: number) => queue.drain([name(k)], 'x'),
  cancelDrain: (queue: FakeScheduler, k: number) => queue.cancelDrain([name(k)]),
  powerDown: (queue: FakeScheduler, k: number) => queue.powerDown([name(k)]),
  fail: (queue: FakeScheduler, k: number) => queue.fail([name(k)], 'x'),
  close: (queue: FakeScheduler, k: number) => queue.close([name(k)], 'x'),
  reopen: (queue: FakeScheduler, k: number) => queue.reopen([name(k)]),
  hold: (queue: FakeScheduler, k: number) => queue.hold([String(k % 20)], 'x'),
  release: (queue: FakeScheduler, k: number) => queue.release([String(k % 20)]),
  letGo: (queue: FakeScheduler, k: number) => queue.letGo(String(k % 20)),
  cancel: (queue: FakeScheduler, k: number) => queue.cancel(String(k % 20)),
  restart: (queue: FakeScheduler, k: number) => {
    const restore = queue.checkpoint()
    queue.tick(100 * (k % 10))
    restore()
  },
}
const name = (k: number) => names[k % names.length] ?? ''
const kinds = Object.keys(deeds) as (keyof typeof deeds)[]
const deed = fc.tuple(fc.constantFrom<keyof typeof deeds>(...kinds, 'submit', 'tick', 'tick', 'machineUp'), fc.nat(999))

for (const places of ['scheduler', 'causeway'] as const) {
  test(`whatever happens, no node is over its size and jobs are where they may be (the ${places} places)`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { maxLength: 80 }), async (happenings) => {
        const queue = new FakeScheduler(specs, { places })
        let before = queue.peek()
        for (const [kind, k] of happenings) {
          await deeds[kind](queue, k)
          const now = queue.peek()
          check(now.jobs)
          for (const job of now.jobs) {
            const was = before.jobs.find(({ id }) => id === job.id)
            const isNew = job.nodes.join() !== was?.nodes.join()
            if (kind === 'tick' && isNew) isPlacedWell(job, k)
          }
          before = now
        }

        function check(jobs: readonly Job[]): void {
          const { nodes } = queue.peek()
          for (const node of nodes) {
            const on = jobs.filter((job) => holdsNodes(job) && job.nodes.includes(node.name))
            const most = specs.find((spec) => spec.name === node.name)?.size ?? size
            for (const what of ['cpus', 'memoryMiB', 'gpus'] as const) {
              assert.ok(
                on.reduce((sum, job) => sum + job.perNode[what], 0) <= most[what],
                `${node.name}: too many ${what}`,
              )
            }
            if (on.some((job) => job.exclusive)) assert.equal(on.length, 1, `${node.name} is shared`)
            assert.equal(node.busy, on.length > 0)
            if (places === 'causeway') assert.equal(node.power, 'present')
            if (node.power === 'absent') assert.deepEqual(on, [])
          }
          for (const job of jobs) {
            if (holdsNodes(job)) {
              assert.equal(new Set(job.nodes).size, job.nodeCount)
              assert.ok(
                job.nodes.every((one) => nodes.some((node) => node.name === one)),
                'a node is not there',
              )
            } else if (job.state === 'pending') assert.deepEqual(job.nodes, [])
            if (job.state === 'running') {
              const its = nodes.filter((node) => job.nodes.includes(node.name))
              assert.ok(
                its.every((node) => node.power === 'present'),
                `${job.id} runs without all its nodes`,
              )
            }
          }
        }

        /** In a tick only the scheduler acts: what a job got in it was free at the beginning, or became so. */
        function isPlacedWell(job: Job, k: number): void {
          for (const one of job.nodes) {
            const was = before.nodes.find((node) => node.name === one)
            assert.ok(was, `${one} was not there (tick ${k})`)
            assert.equal(was.drained, false, `${one} was drained`)
          }
          const was = before.jobs.find(({ id }) => id === job.id)
          assert.ok(was?.blocked === null || was?.blocked === 'BeginTime' || job.nodes.length === 0, 'it was held')
        }
      }),
      { numRuns: 300 },
    )
  })
}

function holdsNodes(job: Job): boolean {
  return job.state === 'starting' || job.state === 'running'
}
