import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderSlurmNodes } from '../../../../src/hooks/schedulers/slurm/conf.ts'
import { someRegistration } from '../../../support/registration.ts'

const size = { cpus: 2, memoryMiB: 1500, gpus: 0 }
const east = (k: number) => someRegistration({ name: `east-${k}`, site: 'east', type: 'standard', size })

test('each node has a line, in the order given', () => {
  const big = { cpus: 4, memoryMiB: 1500, gpus: 2 }
  const features = ['site-west', 'type-big', 'avx', 'site-west']
  const west = someRegistration({ name: 'west-big-1', site: 'west', type: 'big', size: big, rank: 2, features })
  assert.equal(
    renderSlurmNodes([east(1), east(2), west]),
    `# Written by Causeway; changes are lost. Include it from slurm.conf.
NodeName=east-1 CPUs=2 RealMemory=1500 Feature=site-east,type-standard Weight=10 State=CLOUD
NodeName=east-2 CPUs=2 RealMemory=1500 Feature=site-east,type-standard Weight=10 State=CLOUD
NodeName=west-big-1 CPUs=4 RealMemory=1500 Gres=gpu:2 Feature=site-west,type-big,avx Weight=20 State=CLOUD
`,
  )
})

test('a node of order 0 still weighs something', () => {
  assert.match(renderSlurmNodes([{ ...east(1), rank: 0 }]), / Weight=1 /)
})

for (const wrong of [
  { name: 'a b' },
  { name: 'a\nNodeName=x' },
  { name: '' },
  { size: { ...size, cpus: 0 } },
  { size: { ...size, memoryMiB: Number.NaN } },
  { size: { ...size, gpus: -1 } },
  { rank: -1 },
  { features: ['a b'] },
  { features: ['a State=DOWN'] },
]) {
  test(`a node with ${JSON.stringify(wrong)} is refused`, () => {
    assert.throws(() => renderSlurmNodes([{ ...east(1), ...wrong }]), { code: 'InvalidConfig' })
  })
}
