import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Job } from '../../src/elastic/plan/demand.ts'
import { lintPlan } from '../../src/elastic/plan/lint.ts'
import type { Observation, Path } from '../../src/elastic/plan/observation.ts'
import { joined, judgePaths } from '../../src/elastic/plan/paths.ts'
import { plan } from '../../src/elastic/plan/plan.ts'
import type { PlacementRule, Policy } from '../../src/elastic/plan/policy.ts'
import type { Plan } from '../../src/elastic/plan/steps.ts'
import { job, machine, node, now, observation, policy, queueNode, typePolicy } from './world.ts'

const broken = { state: 'broken' } as const
const unknown = { state: 'unknown', rttMs: null, loss: null } as const
const span: PlacementRule[] = [{ queue: '', feature: '', spread: 'may-span', sites: [] }]

/** Paths between the head and these sites that are good, but for those that are named `FROM TO`. */
function paths(over: Record<string, Partial<Path>> = {}, sites = ['east', 'west']): Path[] {
  const ends = ['head', ...sites]
  return ends.flatMap((from) =>
    ends.flatMap((to) =>
      from === to ? [] : [{ from, to, state: 'good', rttMs: 20, loss: 0, ...over[`${from} ${to}`] }],
    ),
  )
}

/** The same in both directions. */
function both(one: string, other: string, how: Partial<Path>): Record<string, Partial<Path>> {
  return { [`${one} ${other}`]: how, [`${other} ${one}`]: how }
}

function decide(obs: Observation, rules: Policy = policy): Plan {
  const made = plan(obs, rules, now)
  assert.deepEqual(lintPlan(made, obs, rules, now), [])
  return made
}

const begun = (made: Plan) => made.steps.flatMap((step) => (step.kind === 'begin' ? [step.name] : []))
const placing = (over: Parameters<typeof observation>[0]) => observation({ places: 'causeway', ...over })

describe('a site is cut off', () => {
  const isCut = (over: Record<string, Partial<Path>>) =>
    judgePaths({ paths: paths(over) }, policy).cutOff('east') !== null

  test('if one end sees the path broken and the other does not see it whole', () => {
    assert.ok(isCut(both('head', 'east', broken)))
    assert.ok(isCut({ 'head east': broken, 'east head': unknown }))
    assert.ok(isCut({ 'head east': unknown, 'east head': broken }))
  })
  test('not while either end gets answers: these went both ways', () => {
    assert.ok(!isCut({ 'head east': broken }))
    assert.ok(!isCut({ 'east head': broken }))
  })
  test('not as long as nothing is known, nor by losses or slowness', () => {
    assert.ok(!isCut(both('head', 'east', unknown)))
    assert.ok(!isCut({ ...both('head', 'east', unknown), ...both('head', 'west', broken) }))
    assert.ok(!isCut(both('head', 'east', { loss: 0.9, rttMs: 5000 })))
    assert.equal(judgePaths({}, policy).cutOff('east'), null)
  })
  test('not by its path to another site', () => {
    assert.ok(!isCut(both('east', 'west', broken)))
  })
})

describe('two sites are too far apart for one job', () => {
  const tooBad = (over: Record<string, Partial<Path>>) =>
    judgePaths({ paths: paths(over) }, policy).tooBad('east', 'west')?.text ?? null

  test('by what the policy says of loss and round trips, seen from either end', () => {
    assert.equal(tooBad({}), null)
    assert.equal(tooBad({ 'east west': { loss: 0.05, rttMs: 100 } }), null)
    assert.match(tooBad({ 'east west': { loss: 0.12 } }) ?? '', /12 % of all packets are lost/)
    assert.match(tooBad({ 'west east': { rttMs: 150 } }) ?? '', /take 150 ms/)
    assert.match(tooBad(both('east', 'west', broken)) ?? '', /nothing passes between east and west/)
  })
  test('never a site and itself, nor what nobody has measured', () => {
    assert.equal(tooBad(both('east', 'west', unknown)), null)
    assert.equal(judgePaths({ paths: paths(both('east', 'west', broken)) }, policy).tooBad('east', 'east'), null)
  })
})

test('sites are joined as far as the paths between them allow, each set by the order of the sites', () => {
  const sites = ['east', 'west', 'north']
  const of = (over: Record<string, Partial<Path>>) => joined(sites, judgePaths({ paths: paths(over, sites) }, policy))
  assert.deepEqual(of({}), [sites])
  assert.deepEqual(of(both('east', 'west', broken)), [
    ['east', 'north'],
    ['west', 'north'],
  ])
  assert.deepEqual(of({ ...both('east', 'west', broken), ...both('east', 'north', broken) }), [
    ['east'],
    ['west', 'north'],
  ])
})

describe('where Causeway places the jobs', () => {
  test('nothing begins at a site that is cut off; jobs go elsewhere, or wait and are told why', () => {
    const cut = both('head', 'east', broken)
    assert.deepEqual(begun(decide(placing({ jobs: [job()] }))), ['east-1'])
    assert.deepEqual(begun(decide(placing({ jobs: [job()], paths: paths(cut) }))), ['west-1'])
    const made = decide(placing({ jobs: [job()], paths: paths({ ...cut, ...both('head', 'west', broken) }) }))
    assert.deepEqual(begun(made), [])
    assert.deepEqual(
      made.jobs.map(({ code, text }) => [code, /nothing passes between the head and east/.test(text)]),
      [['PathBroken', true]],
    )
  })

  test('nor for a minimum or spare nodes', () => {
    const rules = { ...policy, types: [typePolicy('east', { minimum: 1 }), typePolicy('west', { spare: 1 })] }
    assert.deepEqual(begun(decide(placing({ paths: paths(both('head', 'east', broken)) }), rules)), ['west-1'])
    assert.deepEqual(begun(decide(placing({ paths: paths(both('head', 'east', unknown)) }), rules)), [
      'east-1',
      'west-1',
    ])
  })

  test('what is there stays: no node is drained, failed or deleted because of a path', () => {
    const there = { nodes: [node()], queueNodes: [queueNode({ busy: true })], machines: { east: [machine()] } }
    for (const state of [broken, unknown]) {
      const every = Object.fromEntries(paths().map(({ from, to }) => [`${from} ${to}`, state]))
      assert.deepEqual(decide(placing({ ...there, paths: paths(every) })).steps, [])
    }
  })

  describe('a job that may span sites', () => {
    const rules = { ...policy, placement: span }
    const wide = job({ nodeCount: 4, exclusive: true })
    const small = { ...rules, types: [typePolicy('east'), typePolicy('west', { maximum: 3 })] }

    test('spans them while the path is good', () => {
      assert.deepEqual(begun(decide(placing({ jobs: [wide], paths: paths() }), small)), [
        'east-1',
        'east-2',
        'west-1',
        'west-2',
      ])
    })
    test('goes to one of them while it is not', () => {
      const bad = paths(both('east', 'west', { loss: 0.2 }))
      assert.deepEqual(begun(decide(placing({ jobs: [wide], paths: bad }), rules)), [
        'west-1',
        'west-2',
        'west-3',
        'west-4',
      ])
    })
    test('and is confined to it, where the scheduler would spread it', () => {
      const bad = paths(both('east', 'west', { loss: 0.2 }))
      const made = decide(placing({ jobs: [wide], paths: bad, confines: true }), rules)
      assert.deepEqual(
        made.steps.flatMap((step) => (step.kind === 'confine' ? [step.site] : [])),
        ['west'],
      )
      const good = decide(placing({ jobs: [wide], paths: paths(), confines: true }), rules)
      assert.ok(!good.steps.some(({ kind }) => kind === 'confine'))
    })
    test('or waits, and is told why', () => {
      const made = decide(placing({ jobs: [wide], paths: paths(both('east', 'west', broken)) }), small)
      assert.deepEqual(begun(made), [])
      assert.match(made.jobs[0]?.text ?? '', /nothing passes between east and west/)
    })
    test('is not thought onto living nodes on both sides, either', () => {
      const names = ['east-1', 'east-2', 'west-1', 'west-2']
      const lives = {
        nodes: names.map((name) => node({ id: `id-${name}`, name, site: name.slice(0, 4) })),
        queueNodes: names.map((name) => queueNode({ name })),
        machines: {
          east: [machine({ id: 'id-east-1' }), machine({ id: 'id-east-2', name: 'east-2' })],
          west: [machine({ id: 'id-west-1', name: 'west-1' }), machine({ id: 'id-west-2', name: 'west-2' })],
        },
      }
      const bad = paths(both('east', 'west', broken))
      assert.deepEqual(begun(decide(placing({ ...lives, jobs: [wide], paths: bad }), rules)), ['west-3', 'west-4'])
    })
    test('of one node goes wherever there is room', () => {
      const bad = paths(both('east', 'west', broken))
      const jobs = ['1', '2', '3'].map((id) => job({ id, exclusive: true }))
      assert.deepEqual(begun(decide(placing({ jobs, paths: bad }), rules)), ['east-1', 'east-2', 'west-1'])
    })
  })
})

describe('where the scheduler places them', () => {
  const absent = ['east-1', 'east-2', 'west-1'].map((name) => queueNode({ name, power: 'absent' }))
  const cut = paths(both('head', 'east', broken))
  const calls = (made: Plan) =>
    made.steps.flatMap((step) => ('names' in step ? [`${step.kind} ${step.names.join(' ')} ${step.reason.code}`] : []))

  test('the names of a site that is cut off are closed, and put back when it is not', () => {
    assert.deepEqual(calls(decide(observation({ queueNodes: absent, paths: cut }))), ['close east-1 east-2 PathBroken'])
    const closed = absent.map((one) =>
      one.name.startsWith('east') ? { ...one, drained: true, reason: 'causeway: nothing passes' } : one,
    )
    assert.deepEqual(calls(decide(observation({ queueNodes: closed, paths: cut }))), [])
    assert.deepEqual(calls(decide(observation({ queueNodes: closed, paths: paths() }))), [
      'reopen east-1 east-2 SiteReopened',
    ])
  })

  test('what it asks for there is refused, so that it looks elsewhere', () => {
    const wanted = [queueNode({ power: 'wanted' })]
    const jobs = [job({ state: 'starting', nodes: ['east-1'] })]
    assert.deepEqual(calls(decide(observation({ queueNodes: wanted, jobs, paths: cut }))), ['refuse east-1 PathBroken'])
  })

  test('nodes that it chose at both ends of a bad path are refused together', () => {
    const wanted = ['east-1', 'west-1'].map((name) => queueNode({ name, power: 'wanted' }))
    const gang: Job = job({ state: 'starting', nodeCount: 2, nodes: ['east-1', 'west-1'] })
    const seen = { queueNodes: wanted, jobs: [gang] }
    assert.deepEqual(begun(decide(observation({ ...seen, paths: paths() }))), ['east-1', 'west-1'])
    const made = decide(observation({ ...seen, paths: paths(both('east', 'west', { rttMs: 300 })) }))
    assert.deepEqual([begun(made), calls(made)], [[], ['refuse east-1 PathBad', 'refuse west-1 PathBad']])
  })

  test('a pending job that could run only there is told why it waits', () => {
    const jobs = [job({ features: 'site-east' })]
    const made = decide(observation({ queueNodes: absent, jobs, paths: cut }))
    assert.deepEqual(
      made.jobs.map(({ code }) => code),
      ['PathBroken'],
    )
  })
})

describe('the linter notices', () => {
  const codes = (obs: Observation, steps: Plan['steps'], rules: Policy = policy) =>
    lintPlan({ ...plan(obs, rules, now), steps }, obs, rules, now).map(({ code }) => code)
  const reason = { code: 'NeededByJobs', text: 'they wait' } as const
  const begin = (name: string) =>
    ({ kind: 'begin', name, site: name.slice(0, 4), type: 'standard', jobs: ['1'], reason }) as const

  test('what begins at a site that is cut off', () => {
    const obs = placing({ jobs: [job()], paths: paths(both('head', 'east', broken)) })
    assert.deepEqual(codes(obs, [begin('east-1')]), ['PathBroken'])
    assert.deepEqual(codes(obs, [begin('west-1')]), [])
  })
  test('a job that is put across a bad path', () => {
    const rules = { ...policy, placement: span }
    const jobs = [job({ nodeCount: 2 })]
    const bad = placing({ jobs, paths: paths(both('east', 'west', { loss: 0.3 })) })
    assert.deepEqual(codes(bad, [begin('east-1'), begin('west-1')], rules), ['GangApart', 'GangApart'])
    assert.deepEqual(codes(placing({ jobs, paths: paths() }), [begin('east-1'), begin('west-1')], rules), [])
  })
})
