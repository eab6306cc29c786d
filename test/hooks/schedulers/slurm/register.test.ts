import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registrationChanges, registrationProblem } from '../../../../src/hooks/schedulers/slurm/register.ts'
import { parseSinfo } from '../../../../src/hooks/schedulers/slurm/sinfo.ts'
import { someRegistration } from '../../../support/registration.ts'

const size = { cpus: 2, memoryMiB: 500, gpus: 0 }
const node = (name: string, of: Parameters<typeof someRegistration>[0] | object = {}) =>
  someRegistration({ name, site: 'east', type: 'small', size, ...of })
const seen = (...nodes: object[]) => {
  const plain = { state: 'idle', state_flags: ['CLOUD', 'POWERED_DOWN'], features: 'site-east,type-small' }
  const sizes = { weight: 10, cpus: 2, real_memory: 500, partitions: ['batch'] }
  return parseSinfo(JSON.stringify({ errors: [], nodes: nodes.map((fields) => ({ ...plain, ...sizes, ...fields })) }))
}

test('nodes that Slurm does not know are made in the order of preference, those of one kind together', () => {
  const big = { size: { cpus: 4, memoryMiB: 900, gpus: 1 }, type: 'big', features: ['site-east', 'avx'], rank: 2 }
  const asked = [node('east-1'), node('east-2'), node('east-3'), node('big-1', big), node('east-4')]
  const { create, redefine } = registrationChanges(asked, seen({ name: 'east-2' }))
  const small = ['CPUs=2', 'RealMemory=500', 'Feature=site-east,type-small', 'Weight=10', 'State=CLOUD']
  assert.deepEqual(create, [
    { names: ['east-1', 'east-3'], definition: small },
    {
      names: ['big-1'],
      definition: ['CPUs=4', 'RealMemory=900', 'Gres=gpu:1', 'Feature=site-east,avx', 'Weight=20', 'State=CLOUD'],
    },
    { names: ['east-4'], definition: small },
  ])
  assert.deepEqual(redefine, [])
})

test('features and weights are brought up to date, and those that somebody else has given stay', () => {
  const known = seen(
    { name: 'east-1', features: 'type-small,site-east' },
    { name: 'east-2', features: 'site-old,rack-7' },
    { name: 'east-3', features: 'site-east,type-small,rack-7' },
    { name: 'east-4', weight: 5 },
    { name: 'east-5', weight: 5 },
  )
  const asked = ['east-1', 'east-2', 'east-3', 'east-4', 'east-5'].map((name) => node(name))
  assert.deepEqual(registrationChanges(asked, known), {
    create: [],
    redefine: [
      { names: ['east-2'], features: ['site-east', 'type-small', 'rack-7'], weight: 10 },
      { names: ['east-4', 'east-5'], features: ['site-east', 'type-small'], weight: 10 },
    ],
  })
})

test('what an admin has to do is said, all of it at once', () => {
  const asked = [node('east-1'), node('east-2'), node('east-3'), node('east-4'), node('east-5')]
  const known = seen(
    { name: 'east-1', partitions: [] },
    { name: 'east-2', cpus: 4 },
    { name: 'east-3', cpus: 4, state_flags: ['CLOUD', 'POWERED_DOWN', 'DYNAMIC_NORM'] },
    { name: 'other-1', partitions: [] },
  )
  const problem = registrationProblem(asked, known, 4)
  assert.equal(problem?.code, 'InvalidConfig')
  assert.match(problem?.message ?? '', /no room for east-\[4-5\]: MaxNodeCount is 4\. Set it to 6 or more .* restart/)
  assert.match(
    problem?.message ?? '',
    /no partition of Slurm takes east-1: give one Nodes=ALL, .*site-east, type-small/,
  )
  assert.match(problem?.message ?? '', /east-2: Slurm has 4 CPUs and 500 MiB, the configuration 2 .* restart slurmctld/)
  assert.match(problem?.message ?? '', /east-3: Slurm has 4 CPUs .*`scontrol delete/)
  assert.doesNotMatch(problem?.message ?? '', /other-1/)
})

test('a machine that is there may have what it has', () => {
  const known = seen({ name: 'east-1', state_flags: ['CLOUD'], real_memory: 480 }, { name: 'east-2' })
  assert.equal(registrationProblem([node('east-1'), node('east-2')], known, null), null)
})
