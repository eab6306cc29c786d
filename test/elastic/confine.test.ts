import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lintPlan } from '../../src/elastic/plan/lint.ts'
import type { Observation } from '../../src/elastic/plan/observation.ts'
import { plan } from '../../src/elastic/plan/plan.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { Plan } from '../../src/elastic/plan/steps.ts'
import { job, machine, node, now, observation, policy, queueNode, typePolicy } from './world.ts'

const sites = ['east', 'west']
const twoEach: Policy = { ...policy, types: sites.map((site) => typePolicy(site, { maximum: 4 })) }
const pair = job({ id: '7', nodeCount: 2, exclusive: true })

function decide(over: Parameters<typeof observation>[0], rules = twoEach): Plan {
  const obs: Observation = observation({ places: 'causeway', confines: true, ...over })
  const made = plan(obs, rules, now)
  assert.deepEqual(lintPlan(made, obs, rules, now), [])
  return made
}

function confined(made: Plan): string[] {
  return made.steps.flatMap((step) => (step.kind === 'confine' ? `${step.jobs.join(',')} to ${step.site}` : []))
}

function begun(made: Plan): string[] {
  return made.steps.flatMap((step) => (step.kind === 'begin' ? step.name : []))
}

describe('a job of several nodes, where the scheduler would spread it over sites', () => {
  it('is confined to the site that its nodes are made at', () => {
    const made = decide({ jobs: [pair, job({ id: '8' })] })
    assert.deepEqual(confined(made), ['7 to east'])
    assert.deepEqual(begun(made).slice(0, 2), ['east-1', 'east-2'])
  })

  it('is not told twice, and not while the queue may not show it yet', () => {
    assert.deepEqual(confined(decide({ jobs: [{ ...pair, confinedTo: 'east' }] })), [])
    assert.deepEqual(confined(decide({ jobs: [pair], inFlight: new Set(['job 7']) })), [])
    assert.deepEqual(confined(decide({ jobs: [pair], settledAtMs: new Map([['job 7', now]]) })), [])
  })

  it('stays where it is confined while that site can have it, and goes elsewhere when it can not', () => {
    const toWest = { ...pair, confinedTo: 'west' }
    assert.deepEqual(
      [confined(decide({ jobs: [toWest] })), begun(decide({ jobs: [toWest] }))],
      [[], ['west-1', 'west-2']],
    )
    const closed = new Map([
      ['west/standard', { site: 'west', type: 'standard', failures: 2, closedUntilMs: now + 1000 }],
    ])
    const made = decide({ jobs: [toWest], breakers: closed })
    assert.deepEqual([confined(made), begun(made)], [['7 to east'], ['east-1', 'east-2']])
  })

  it('goes to the site that has free nodes for all of it', () => {
    const west = [1, 2].map((k) => ({ id: `id-west-${k}`, name: `west-${k}`, site: 'west' }))
    const made = decide({
      jobs: [pair],
      nodes: west.map((one) => node(one)),
      queueNodes: west.map(({ name }) => queueNode({ name, features: ['site-west'] })),
      machines: { west: west.map((one) => machine(one)) },
    })
    assert.deepEqual([confined(made), begun(made)], [['7 to west'], []])
  })

  it('is confined as a whole if it is an array', () => {
    const array = { ...pair, id: '9_[1-3]', count: 3 }
    const made = decide({ jobs: [array] })
    assert.deepEqual(confined(made), ['9_[1-3] to east'])
    assert.deepEqual(begun(made), ['east-1', 'east-2', 'east-3', 'east-4'])
  })

  it('is left alone where its user or the policy lets it span sites, where it gets no nodes, and where the scheduler confines', () => {
    assert.deepEqual(confined(decide({ jobs: [{ ...pair, anySite: true }] })), [])
    const spanning = { queue: '', feature: '', spread: 'may-span', sites: [] } as const
    assert.deepEqual(confined(decide({ jobs: [pair] }, { ...twoEach, placement: [spanning] })), [])
    assert.deepEqual(confined(decide({ jobs: [{ ...pair, nodeCount: 5 }] })), [])
    assert.deepEqual(confined(decide({ jobs: [pair], confines: false })), [])
    assert.deepEqual(confined(decide({ jobs: [pair], unreadQueue: true })), [])
  })
})

describe('a user who lets the nodes be at any site', () => {
  const narrow: Policy = { ...policy, types: sites.map((site) => typePolicy(site, { maximum: 1 })) }

  it('gets them at several when one has too few', () => {
    assert.deepEqual(begun(decide({ jobs: [pair] }, narrow)), [])
    const made = decide({ jobs: [{ ...pair, anySite: true }] }, narrow)
    assert.deepEqual(begun(made), ['east-1', 'west-1'])
  })

  it('gets them at one if the job was confined before anybody asked', () => {
    const made = decide({ jobs: [{ ...pair, anySite: true, confinedTo: 'west' }] })
    assert.deepEqual([confined(made), begun(made)], [[], ['west-1', 'west-2']])
  })

  it('is no demand of others: a job beside it that says nothing stays in one site', () => {
    const jobs = [
      { ...pair, anySite: true },
      { ...pair, id: '8' },
    ]
    const made = decide({ jobs }, narrow)
    assert.deepEqual(made.jobs.find((reason) => reason.job === '8')?.code, 'NoTypeFits')
  })
})

describe('names that the queue does not know', () => {
  const registers = (over: Parameters<typeof observation>[0]) => {
    const obs = observation({ registers: true, ...over })
    const made = plan(obs, policy, now)
    assert.deepEqual(lintPlan(made, obs, policy, now), [])
    return made.steps.flatMap((step) =>
      step.kind === 'register' ? `${step.site}/${step.type} ${step.names.join(' ')}` : [],
    )
  }
  const absent = (name: string) => queueNode({ name, power: 'absent', responding: false })

  it('are made known to it, of each type at once', () => {
    const known = registers({ queueNodes: [absent('east-1'), absent('west-2')] })
    assert.deepEqual(known, ['east/standard east-2', 'west/standard west-1 west-3 west-4'])
  })

  it('are left alone while the queue is unread, while they are being made known, and where it takes none', () => {
    assert.deepEqual(registers({ unreadQueue: true }), [])
    const inFlight = new Set(['east-1', 'east-2', 'west-1', 'west-2', 'west-3'])
    assert.deepEqual(registers({ inFlight }), ['west/standard west-4'])
    assert.deepEqual(registers({ registers: false }), [])
    assert.deepEqual(registers({ places: 'causeway' }), [])
  })
})
