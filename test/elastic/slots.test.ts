import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Job } from '../../src/elastic/plan/demand.ts'
import { lintPlan } from '../../src/elastic/plan/lint.ts'
import { plan } from '../../src/elastic/plan/plan.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { Plan } from '../../src/elastic/plan/steps.ts'
import { job, machine, node, now, observation, policy, queueNode, typePolicy } from './world.ts'

const size = (cpus: number) => ({ cpus, memoryMiB: 16_000, gpus: 0 })
const oneCpu = { cpus: 1, memoryMiB: 0, gpus: 0 }
const rules: Policy = {
  ...policy,
  types: ['east', 'west'].map((site) => typePolicy(site, { size: size(4), maximum: 4 })),
}

function slots(count: number, over: Partial<Job> = {}): Job {
  return job({ id: '7', slots: count, perNode: oneCpu, ...over })
}

function decide(over: Parameters<typeof observation>[0], by = rules): Plan {
  const obs = observation({ places: 'causeway', ...over })
  const made = plan(obs, by, now)
  assert.deepEqual(lintPlan(made, obs, by, now), [])
  return made
}

function begun(made: Plan): string[] {
  return made.steps.flatMap((step) => (step.kind === 'begin' ? step.name : []))
}

/** A ready node, idle but for a job on some of its CPUs. */
function ready(name: string, busyCpus = 0) {
  const [site = ''] = name.split('-')
  const running = job({ id: `r-${name}`, state: 'running', perNode: { ...oneCpu, cpus: busyCpus }, nodes: [name] })
  return {
    nodes: [node({ id: name, name, site })],
    queueNodes: [queueNode({ name, busy: busyCpus > 0 })],
    machines: { [site]: [machine({ id: name, name })] },
    jobs: busyCpus > 0 ? [running] : [],
  }
}

describe('a job for slots, on as few or as many nodes as have room', () => {
  it('gets as many nodes as have them', () => {
    assert.deepEqual(begun(decide({ jobs: [slots(4)] })), ['east-1'])
    assert.deepEqual(begun(decide({ jobs: [slots(5)] })), ['east-1', 'east-2'])
    assert.deepEqual(begun(decide({ jobs: [slots(16)] })).length, 4)
  })

  it('shares the last node with others', () => {
    assert.deepEqual(begun(decide({ jobs: [slots(6), slots(2, { id: '8' })] })), ['east-1', 'east-2'])
    assert.deepEqual(begun(decide({ jobs: [slots(6), slots(3, { id: '8' })] })).length, 3)
  })

  it('takes what is free on the nodes that are there', () => {
    const there = ready('east-1', 1)
    const made = decide({ ...there, jobs: [...there.jobs, slots(5)] })
    assert.deepEqual(begun(made), ['east-2'])
    assert.deepEqual(begun(decide({ ...there, jobs: [...there.jobs, slots(3)] })), [])
  })

  it('holds its slots of its nodes while it runs', () => {
    const there = ready('east-1')
    const runs = slots(3, { id: 'r', state: 'running', nodes: ['east-1'] })
    assert.deepEqual(begun(decide({ ...there, jobs: [runs, slots(1)] })), [])
    assert.deepEqual(begun(decide({ ...there, jobs: [runs, slots(2)] })), ['east-2'])
  })

  it('stays in one site, or spans sites if its user does not mind', () => {
    const narrow = { ...rules, types: rules.types.map((type) => ({ ...type, maximum: 1, names: 1 })) }
    const [reason] = decide({ jobs: [slots(6)] }, narrow).jobs
    assert.deepEqual(
      [reason?.code, reason?.text],
      ['NoTypeFits', 'it asks for 6 slots, and the largest site may have 4 for such a job'],
    )
    assert.deepEqual(begun(decide({ jobs: [slots(6, { anySite: true })] }, narrow)), ['east-1', 'west-1'])
  })

  it('counts under a cap with the nodes that it will hold', () => {
    const caps = [{ of: 'user', name: 'alice', nodes: 2 }] as const
    const made = decide({ jobs: [slots(8), slots(1, { id: '8' })] }, { ...rules, caps })
    assert.deepEqual(begun(made), ['east-1', 'east-2'])
    assert.deepEqual(
      made.steps.flatMap((step) => (step.kind === 'hold' ? step.jobs : [])),
      ['8'],
    )
  })

  it('gets all of its slots or none, whatever the sizes of nodes', () => {
    const wish = fc.record({ slots: fc.integer({ min: 1, max: 40 }), cpus: fc.integer({ min: 1, max: 4 }) })
    const types = fc.array(
      fc.record({ cpus: fc.integer({ min: 1, max: 16 }), maximum: fc.integer({ min: 0, max: 5 }) }),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    fc.assert(
      fc.property(types, wish, (sizes, { slots: count, cpus }) => {
        const by: Policy = {
          ...policy,
          types: sizes.map((type, k) =>
            typePolicy('east', { type: `t${k}`, prefix: `east-t${k}`, size: size(type.cpus), maximum: type.maximum }),
          ),
        }
        const names = begun(decide({ jobs: [slots(count, { perNode: { ...oneCpu, cpus } })] }, by))
        const cpusOf = (name: string) => sizes[Number(/t(\d+)-/.exec(name)?.[1])]?.cpus ?? 0
        const given = (all: readonly string[]) => all.reduce((sum, name) => sum + Math.floor(cpusOf(name) / cpus), 0)
        const possible = sizes.reduce((sum, type) => sum + type.maximum * Math.floor(type.cpus / cpus), 0)
        if (possible < count) assert.deepEqual(names, [])
        else {
          assert.ok(given(names) >= count, `${names.join(' ')} have too few`)
          assert.ok(given(names.slice(0, -1)) < count, `${names.join(' ')} are too many`)
        }
      }),
    )
  })
})
