import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderSlurmNodes } from '../../../../src/hooks/schedulers/slurm/conf.ts'

const site = { cpus: 2, memoryMiB: 1500 }

test('each node has a line, preferred sites come first and weigh less', () => {
  const text = renderSlurmNodes([
    { name: 'west', order: 2, maximum: 1, ...site, cpus: 4 },
    { name: 'far', order: 9, maximum: 0, ...site },
    { name: 'east', order: 1, maximum: 2, ...site },
  ])
  assert.equal(
    text,
    `# Written by \`causeway slurm-nodes\`; changes are lost. Include it from slurm.conf.
NodeName=east-1 CPUs=2 RealMemory=1500 Feature=site-east Weight=10 State=CLOUD
NodeName=east-2 CPUs=2 RealMemory=1500 Feature=site-east Weight=10 State=CLOUD
NodeName=west-1 CPUs=4 RealMemory=1500 Feature=site-west Weight=20 State=CLOUD
`,
  )
})

test('types of one site keep its feature and have their own; of equal orders the cheaper comes first', () => {
  const text = renderSlurmNodes([
    { name: 'west-big', site: 'west', features: ['type-big', 'avx'], order: 2, cost: 6, maximum: 1, ...site },
    {
      name: 'west-small',
      site: 'west',
      features: ['type-small', 'site-west'],
      order: 2,
      cost: 0.1,
      maximum: 1,
      ...site,
    },
  ])
  assert.deepEqual(text.match(/NodeName=\S+|Feature=\S+/g), [
    'NodeName=west-small-1',
    'Feature=site-west,type-small',
    'NodeName=west-big-1',
    'Feature=site-west,type-big,avx',
  ])
})

test('a site of order 0 still weighs something', () => {
  assert.match(renderSlurmNodes([{ name: 'a', order: 0, maximum: 1, ...site }]), / Weight=1 /)
})

for (const wrong of [
  { name: 'a b' },
  { name: 'a\nNodeName=x' },
  { name: '' },
  { maximum: 1.5 },
  { cpus: 0 },
  { order: -1 },
  { memoryMiB: Number.NaN },
]) {
  test(`a site with ${JSON.stringify(wrong)} is refused`, () => {
    assert.throws(() => renderSlurmNodes([{ name: 'east', order: 1, maximum: 1, ...site, ...wrong }]), {
      code: 'InvalidConfig',
    })
  })
}
