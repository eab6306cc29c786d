import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { plan } from '../../src/elastic/plan/plan.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { Plan } from '../../src/elastic/plan/steps.ts'
import { job, machine, node, now, observation, policy, queueNode, typePolicy } from './world.ts'

const cpus = (count: number) => ({ cpus: count, memoryMiB: 0, gpus: 0 })

/** What is decided where Causeway places the jobs. */
function decide(over: Parameters<typeof observation>[0], rules: Partial<Policy> = {}): Plan {
  return plan(observation({ places: 'causeway', ...over }), { ...policy, ...rules }, now)
}

/** The nodes begun, each with its jobs: `east-1: 1 2`. */
function begun(made: Plan): string[] {
  return made.steps.flatMap((step) => (step.kind === 'begin' ? `${step.name}: ${step.jobs.join(' ')}` : []))
}

function jobs(count: number, over: Parameters<typeof job>[0] = {}) {
  return Array.from({ length: count }, (_, index) => job({ id: String(index + 1), ...over }))
}

/** A living node in a phase, as its site and the queue have it. */
function living(name: string, phase: 'ready' | 'booting' | 'draining', busy = false) {
  const site = name.slice(0, 4)
  const drained = phase === 'draining'
  return {
    node: node({ id: `id-${name}`, name, site, phase, phaseSinceMs: now - 500, idleSinceMs: null }),
    inQueue: phase === 'booting' ? [] : [queueNode({ name, busy, drained, reason: drained ? 'causeway: idle' : '' })],
    machine: machine({ id: `id-${name}`, name }),
  }
}

function world(nodes: readonly ReturnType<typeof living>[], more: Parameters<typeof observation>[0] = {}) {
  const at = (site: string) => nodes.flatMap((one) => (one.node.site === site ? one.machine : []))
  return {
    nodes: nodes.map((one) => one.node),
    queueNodes: nodes.flatMap((one) => one.inQueue),
    machines: { east: at('east'), west: at('west') },
    ...more,
  }
}

describe('jobs that no node is there for', () => {
  test('get new nodes of the preferred type, and spill to the next when it is full', () => {
    assert.deepEqual(begun(decide({ jobs: jobs(3) })), ['east-1: 1', 'east-2: 2', 'west-1: 3'])
  })
  test('share a node where they fit, unless they want one for themselves', () => {
    assert.deepEqual(begun(decide({ jobs: jobs(3, { perNode: cpus(4) }) })), ['east-1: 1 2', 'east-2: 3'])
    const alone = { perNode: cpus(4), exclusive: true }
    assert.deepEqual(begun(decide({ jobs: jobs(2, alone) })), ['east-1: 1', 'east-2: 2'])
  })
  test('are named once, however many elements of an array share a node', () => {
    const array = job({ id: '5_[1-4]', count: 4, perNode: cpus(4) })
    assert.deepEqual(begun(decide({ jobs: [array] })), ['east-1: 5_[1-4]', 'east-2: 5_[1-4]'])
  })
  test('get none for what no type has: somebody else may have it, but a new node will not', () => {
    assert.deepEqual(begun(decide({ jobs: jobs(1, { features: 'ssd' }) })), [])
    assert.deepEqual(begun(decide({ jobs: jobs(1, { features: '!ssd&site-west' }) })), ['west-1: 1'])
    assert.equal(decide({ jobs: jobs(1, { features: 'ssd' }) }).jobs[0]?.code, 'NoTypeFits')
    const placed = decide({ places: 'scheduler', jobs: jobs(1, { features: 'ssd' }) })
    assert.equal(placed.jobs[0]?.code, 'WaitsForScheduler')
  })
  test('go where they fit: by size, by GPUs, by what they ask for, by the rules of placement', () => {
    const types = [typePolicy('east'), typePolicy('west', { size: { cpus: 64, memoryMiB: 9e5, gpus: 4 } })]
    assert.deepEqual(begun(decide({ jobs: jobs(1, { perNode: cpus(9) }) }, { types })), ['west-1: 1'])
    const gpu = { perNode: { cpus: 1, memoryMiB: 0, gpus: 1 } }
    assert.deepEqual(begun(decide({ jobs: jobs(1, gpu) }, { types })), ['west-1: 1'])
    assert.deepEqual(begun(decide({ jobs: jobs(1, { features: 'site-west' }) })), ['west-1: 1'])
    const placement = [{ queue: 'all', feature: '', spread: 'one-site' as const, sites: ['west'] }]
    assert.deepEqual(begun(decide({ jobs: jobs(1) }, { placement })), ['west-1: 1'])
  })
  test('that can never run cause nothing and are told why', () => {
    const large = decide({ jobs: jobs(1, { perNode: cpus(99) }) })
    assert.deepEqual([begun(large), large.jobs[0]?.code], [[], 'NoTypeFits'])
    const wide = decide({ jobs: jobs(1, { nodeCount: 5 }) })
    assert.deepEqual([begun(wide), wide.jobs[0]?.code], [[], 'NoTypeFits'])
    assert.match(wide.jobs[0]?.text ?? '', /asks for 5 nodes, and the largest site may have 4/)
    for (const blocked of ['Held', 'Dependency', 'BeginTime', 'Licence'] as const) {
      assert.deepEqual(begun(decide({ jobs: jobs(1, { blocked }) })), [])
    }
  })
  test('of an array each element counts', () => {
    assert.deepEqual(begun(decide({ jobs: [job({ id: '7_[1-3]', count: 3 })] })).length, 3)
  })
})

describe('nodes that live', () => {
  test('are used before any is begun: ready ones, then those that come', () => {
    const made = decide(world([living('east-1', 'booting'), living('west-1', 'ready')], { jobs: jobs(3) }))
    assert.deepEqual(begun(made), ['east-2: 3'])
  })
  test('have their drains cancelled before any is begun', () => {
    const made = decide(world([living('east-1', 'draining')], { jobs: jobs(1) }))
    assert.deepEqual(
      made.steps.map((step) => step.kind),
      ['cancel-drain'],
    )
  })
  test('that are busy count for what is left of them', () => {
    const running = job({ id: '9', state: 'running', nodes: ['east-1'], startedAtMs: now, perNode: cpus(6) })
    const here = (need: number) =>
      decide(world([living('east-1', 'ready', true)], { jobs: [running, job({ perNode: cpus(need) })] }))
    assert.deepEqual(begun(here(2)), [])
    assert.deepEqual(begun(here(3)), ['east-2: 1'])
  })
  test('that are to be used stay, the others go', () => {
    const idle = (name: string) => {
      const one = living(name, 'ready')
      return { ...one, node: { ...one.node, phaseSinceMs: 0, idleSinceMs: now - 60_000 } }
    }
    const made = decide(world([idle('east-1'), idle('east-2')], { jobs: jobs(1) }))
    assert.equal(made.steps.filter((step) => step.kind === 'drain').length, 1)
    assert.equal([...made.waiting.values()].map((reason) => reason.code).join(), 'DemandWaiting')
  })
})

describe('jobs of several nodes', () => {
  const wide = (count: number, over: Parameters<typeof job>[0] = {}) => jobs(1, { nodeCount: count, ...over })
  test('stay in one site, in the next if the preferred one is too small', () => {
    assert.deepEqual(begun(decide({ jobs: wide(2) })), ['east-1: 1', 'east-2: 1'])
    assert.deepEqual(begun(decide({ jobs: wide(3) })), ['west-1: 1', 'west-2: 1', 'west-3: 1'])
  })
  test('get all their nodes or none', () => {
    const busy = ['west-1', 'west-2'].map((name) => living(name, 'ready', true))
    const running = busy.map(({ node: { name } }, i) =>
      job({ id: `r${i}`, state: 'running', nodes: [name], startedAtMs: now }),
    )
    const made = decide(world(busy, { jobs: [...running, ...wide(3)] }))
    assert.deepEqual(begun(made), [])
    assert.equal(made.jobs.at(-1)?.code, 'AllNodesBusy')
  })
  test('span sites where the policy lets them or wants them to', () => {
    const spread = (how: 'may-span' | 'must-span') => ({
      placement: [{ queue: '', feature: '', spread: how, sites: [] }],
    })
    assert.deepEqual(begun(decide({ jobs: wide(3) }, spread('may-span'))), ['east-1: 1', 'east-2: 1', 'west-1: 1'])
    assert.deepEqual(begun(decide({ jobs: wide(2) }, spread('may-span'))), ['east-1: 1', 'east-2: 1'])
    assert.deepEqual(begun(decide({ jobs: wide(2) }, spread('must-span'))), ['east-1: 1', 'west-1: 1'])
  })
  test('try a half-open type with one node, and wait', () => {
    const types = [typePolicy('west', { maximum: 4 })]
    const breakers = new Map([
      ['west/standard', { site: 'west', type: 'standard', failures: 2, closedUntilMs: now - 1 }],
    ])
    const made = decide({ jobs: wide(3), breakers }, { types })
    assert.deepEqual(begun(made), ['west-1: 1'])
    assert.equal(made.jobs[0]?.code, 'ProbeUnderWay')
  })
})

describe('names', () => {
  test('that rest after a failure, that the queue or a site has, or that were just given up are not used', () => {
    const types = [typePolicy('west', { maximum: 5 })]
    const made = decide(
      {
        jobs: jobs(9),
        lastFailureMs: new Map([['west-1', now - 1]]),
        queueNodes: [queueNode({ name: 'west-2', drained: true, reason: 'disk' })],
        machines: { west: [machine({ id: 'stray', name: 'west-3' })] },
        settledAtMs: new Map([['west-4', now]]),
        unreadSites: [],
      },
      { types },
    )
    assert.deepEqual(begun(made), ['west-5: 1'])
  })

  test('are not used again within the grace after their nodes are gone, and then are', () => {
    const rules = { types: [typePolicy('west', { maximum: 2 })], grace: { ...policy.grace, reuseMs: 10_000 } }
    const gone = (ms: number) => ({ jobs: jobs(1), lastGoneMs: new Map([['west-1', now - ms]]) })
    assert.deepEqual(begun(decide(gone(9999), rules)), ['west-2: 1'])
    assert.deepEqual(begun(decide(gone(10_000), rules)), ['west-1: 1'])
    const full = decide({ ...gone(9999), jobs: jobs(2) }, rules)
    assert.deepEqual(begun(full), ['west-2: 1'])
    assert.equal(full.nextAtMs, now + 1)
  })
})

test('whatever the jobs: no node is thought too much onto, and every job has all its nodes or none', () => {
  const someJob = fc.record({
    nodeCount: fc.integer({ min: 1, max: 4 }),
    perNode: fc.record({ cpus: fc.nat(8), memoryMiB: fc.constantFrom(0, 4000, 9000), gpus: fc.nat(1) }),
    exclusive: fc.boolean(),
  })
  const types = [
    typePolicy('east', { maximum: 3, size: { cpus: 8, memoryMiB: 16_000, gpus: 2 } }),
    typePolicy('west', { maximum: 5, size: { cpus: 16, memoryMiB: 10_000, gpus: 0 } }),
  ]
  fc.assert(
    fc.property(fc.array(someJob, { maxLength: 20 }), (wishes) => {
      const queue = wishes.map((wish, index) => job({ id: String(index), ...wish }))
      const made = decide({ jobs: queue }, { types })
      const nodesOf = new Map<string, number>()
      for (const step of made.steps) {
        if (step.kind !== 'begin') continue
        const size = types.find((type) => type.site === step.site)?.size
        assert.ok(size)
        const on = step.jobs.map((id) => queue[Number(id)]).filter((one) => one !== undefined)
        assert.equal(on.length, step.jobs.length)
        if (on.some((one) => one.exclusive || one.perNode.cpus === 0)) assert.equal(on.length, 1)
        for (const key of ['cpus', 'memoryMiB', 'gpus'] as const) {
          assert.ok(on.reduce((sum, one) => sum + one.perNode[key], 0) <= size[key])
        }
        for (const id of step.jobs) nodesOf.set(id, (nodesOf.get(id) ?? 0) + 1)
      }
      for (const { id, nodeCount } of queue) assert.ok([undefined, nodeCount].includes(nodesOf.get(id)))
    }),
    { numRuns: 500 },
  )
})
