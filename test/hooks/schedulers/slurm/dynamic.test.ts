import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'
import { CausewayError } from '../../../../src/base/errors.ts'
import type { Job, QueueNode } from '../../../../src/elastic/plan/demand.ts'
import type { Registration } from '../../../../src/elastic/scheduler.ts'
import {
  isPlaceholder,
  placeholderChanges,
  placeholderProblem,
} from '../../../../src/hooks/schedulers/slurm/dynamic-placeholders.ts'
import { dynamicSnapshot, forgettable, leavingReason } from '../../../../src/hooks/schedulers/slurm/dynamic-snapshot.ts'
import type { SlurmNode } from '../../../../src/hooks/schedulers/slurm/sinfo.ts'

const node = (name: string, facts: Partial<QueueNode> = {}): QueueNode => ({
  name,
  power: 'present',
  responding: true,
  busy: false,
  drained: false,
  down: false,
  reason: '',
  features: [],
  ...facts,
})

const registration = (name: string, cpus = 2, features: readonly string[] = ['site-east'], gpus = 0): Registration => ({
  name,
  address: '10.77.1.1',
  site: 'east',
  type: 'standard',
  size: { cpus, memoryMiB: 1000, gpus },
  features,
  rank: 1,
})

/** What Slurm shows once changes are carried out, its features in another order. */
function carryOut(nodes: readonly QueueNode[], possible: readonly Registration[]): QueueNode[] {
  const { create, remove } = placeholderChanges(nodes, possible)
  const made = create.flatMap(({ names, definition, reason }) => {
    const features = definition.find((word) => word.startsWith('Feature='))?.slice('Feature='.length) ?? ''
    const list = features === '' ? [] : features.split(',').toReversed()
    return names.map((name) => node(name, { drained: true, down: true, responding: false, reason, features: list }))
  })
  return [...nodes.filter(({ name }) => !remove.includes(name)), ...made]
}

const registrations = fc.uniqueArray(
  fc
    .tuple(fc.nat(8), fc.integer({ min: 1, max: 3 }), fc.subarray(['site-a', 'type-b', 'ssd']), fc.nat(1))
    .map(([k, cpus, features, gpus]) => registration(`east-${k}`, cpus, features, gpus)),
  { selector: ({ name }) => name },
)

suite('placeholders for nodes that can be made', () => {
  test('one command makes all of a kind, with an address that needs no name service', () => {
    const possible = [
      registration('east-1'),
      registration('big-1', 16, ['site-east', 'ssd'], 2),
      registration('east-2'),
    ]
    assert.deepEqual(placeholderChanges([node('east-1')], possible), {
      remove: [],
      create: [
        {
          names: ['causeway-possible-east-1', 'causeway-possible-east-2'],
          definition: ['CPUs=2', 'RealMemory=1000', 'Feature=site-east', 'NodeAddr=127.0.0.1', 'Port=1'],
          reason: 'causeway: such a node can be made: 2 CPUs 1000 MiB 0 GPUs',
        },
        {
          names: ['causeway-possible-big-1'],
          definition: [
            'CPUs=16',
            'RealMemory=1000',
            'Gres=gpu:2',
            'Feature=site-east,ssd',
            'NodeAddr=127.0.0.1',
            'Port=1',
          ],
          reason: 'causeway: such a node can be made: 16 CPUs 1000 MiB 2 GPUs',
        },
      ],
    })
  })

  test('whatever was there and is configured now: after the changes nothing is to be changed, and only placeholders were', () => {
    fc.assert(
      fc.property(registrations, registrations, (before, now) => {
        const real = before.map(({ name }) => node(name))
        const after = carryOut(carryOut(real, before), now)
        assert.deepEqual(placeholderChanges(after, now), { remove: [], create: [] })
        assert.deepEqual(
          after.filter((one) => !isPlaceholder(one)),
          real,
        )
        assert.equal(after.filter(isPlaceholder).length, now.length)
      }),
    )
  })

  test('what is in the way of them is said', () => {
    const possible = [registration('east-1'), registration('east-2')]
    const made = carryOut([], possible)
    const told = (nodes: readonly QueueNode[], inPartition: boolean, refusal: CausewayError | null = null) => {
      const seen = nodes.map((one) => ({ ...one, inPartition })) as SlurmNode[]
      const problem = placeholderProblem(seen, possible, 3, refusal)
      return problem && `${problem.code}: ${problem.message}`
    }
    assert.equal(told(made, true), null)
    assert.match(
      told(made.slice(1), true) ?? '',
      /^InvalidConfig: .*1 of .*possible-east-1 .*MaxNodeCount is 3 .*be 4 /,
    )
    assert.match(told([], true, new CausewayError('CommandFailed', 'bad feature')) ?? '', /2 of .*\(bad feature\)/)
    assert.match(told(made, false) ?? '', /no partition takes causeway-possible-east-1/)
  })

  test('one that could take a job, or that somebody made something else of, is made anew', () => {
    const possible = [registration('east-1')]
    const [good] = carryOut([], possible)
    assert.ok(good)
    for (const wrong of [{ drained: false }, { down: false }, { reason: 'disk' }, { features: ['site-west'] }]) {
      const { remove, create } = placeholderChanges([{ ...good, ...wrong }], possible)
      assert.deepEqual([remove, create.map(({ names }) => names)], [[good.name], [[good.name]]])
    }
  })
})

suite('the queue where nodes are made for jobs', () => {
  const job = (id: string, facts: Partial<Job>): Job =>
    ({ id, state: 'pending', blocked: null, reason: '', ...facts }) as Job

  test('placeholders are no nodes; a node that is to go is leaving and forgotten when its job has ended', () => {
    const leaving = { drained: true, reason: leavingReason }
    const nodes = [
      node('causeway-possible-east-1', { drained: true, down: true }),
      node('east-1'),
      node('east-2', { ...leaving, busy: true }),
      node('east-3', leaving),
      node('east-4', { reason: leavingReason }),
    ]
    const shown = dynamicSnapshot({ jobs: [], nodes }, true).nodes.map(({ name, power }) => `${name} ${power}`)
    assert.deepEqual(shown, ['east-1 present', 'east-2 leaving', 'east-3 leaving', 'east-4 present'])
    assert.deepEqual(forgettable(nodes), ['east-3'])
  })

  test('that Slurm knows too few nodes counts only if it knew all that there may be', () => {
    const jobs = [
      job('1', { reason: 'PartitionConfig', blocked: 'Impossible' }),
      job('2', { reason: 'PartitionTimeLimit', blocked: 'Impossible' }),
      job('3', { reason: 'PartitionConfig', blocked: 'Held' }),
    ]
    const blocked = (complete: boolean) => dynamicSnapshot({ jobs, nodes: [] }, complete).jobs.map((one) => one.blocked)
    assert.deepEqual(blocked(true), ['Impossible', 'Impossible', 'Held'])
    assert.deepEqual(blocked(false), [null, 'Impossible', 'Held'])
  })
})
