import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { sizePerNode } from '../../../../src/hooks/schedulers/slurm/size.ts'
import { parseSqueue } from '../../../../src/hooks/schedulers/slurm/squeue.ts'

test('recorded jobs need of each node what they were submitted with', () => {
  const text = readFileSync(new URL('samples/sizes-squeue.txt', import.meta.url), 'utf8')
  const lines = parseSqueue(text, 0).map(({ name, nodeCount, perNode, tasksPerNode, exclusive, wallMs }) => {
    const { cpus, memoryMiB, gpus } = perNode
    const rest = [tasksPerNode && `${tasksPerNode} tasks`, exclusive && 'exclusive', wallMs && `${wallMs / 60_000} min`]
    return [`${name}:`, `${nodeCount} x`, cpus, memoryMiB, gpus, ...rest.filter(Boolean)].join(' ').trim()
  })
  assert.deepEqual(lines, [
    ': 1 x 1 0 0',
    // Slurm itself has counted how many nodes of 2 CPUs three take.
    '-n3: 2 x 2 0 0',
    '-N2 --ntasks-per-node=2 -c3 --mem=1G: 2 x 6 1024 0 2 tasks',
    '-n5 -c2 --mem-per-cpu=100: 5 x 2 200 0',
    '--exclusive -t 90: 1 x 1 0 0 exclusive 90 min',
    '--exclusive=user -t UNLIMITED: 1 x 1 0 0 exclusive',
    '-s: 1 x 1 0 0',
    '--gres=gpu:2: 1 x 1 0 2',
    '--gres=gpu:a100:1 -N2: 2 x 1 0 1',
    '-G 3 -N2: 2 x 1 0 2',
    '--gpus-per-task=1 -n3: 2 x 2 0 2',
    '--gpus-per-node=a100:2: 1 x 1 0 2',
    '-N1-3 -n6: 3 x 2 0 0',
    '--mem=0: 1 x 1 0 0',
    '-L matlab:1: 1 x 1 0 0',
    '-n9 -N2: 5 x 2 0 0',
    '-c64: 1 x 64 0 0',
    '--time-min=10 -t 20 --deadline=now+2days: 1 x 1 0 0 20 min',
    '-w east-1: 1 x 1 0 0',
    '-S 1: 1 x 1 0 0',
    '-N3 -n1: 1 x 1 0 0',
    '--gres=gpu:a100:1,license:0: 1 x 1 0 1',
    '--mincpus=2 -N2: 2 x 2 0 0',
    '-a 1-3 -N2 --mem=300M -n4: 2 x 2 300 0',
    '-t 7-0 -d singleton: 1 x 1 0 0 10080 min',
    '-d "afterany:1?afterok:2": 1 x 1 0 0',
  ])
})

test('GPUs are counted in every notation', () => {
  const gpus = (fields: Record<string, unknown>, nodes = 1) => sizePerNode(fields, nodes).gpus
  for (const [list, count] of [
    ['gres:gpu:2', 2],
    ['gpu:2', 2],
    ['gpu', 1],
    ['gres:gpu', 1],
    ['gres:gpu:a100', 1],
    ['gres/gpu=3', 3],
    ['gres/gpu:a100=2', 2],
    ['gres/gpu:a100:2,gres/gpu:v100:1', 3],
    ['gres:gpu:a100:2(S:0-1),gres:ssd:4', 2],
    ['gres:ssd:4', 0],
    ['gres:gpuish:4', 0],
    ['', 0],
  ] as const) {
    assert.equal(gpus({ tres_per_node: list }), count, list)
  }
  assert.equal(gpus({ tres_req_str: 'cpu=4,mem=1G,gres/gpu=4,gres/gpu:a100=4' }, 2), 2)
  assert.equal(gpus({ tres_req_str: 'cpu=4,mem=1G,gres/gpu:a100=4,gres/gpu:v100=2' }, 2), 3)
  assert.equal(gpus({ tres_per_task: 'gres:gpu:2', tasks_per_node: 3 }, 2), 6)
  assert.equal(gpus({ tres_per_socket: 'gres:gpu:2', sockets_per_node: 2 }), 4)
})

test('what is asked for each GPU counts', () => {
  const fields = { tres_per_node: 'gres:gpu:2', cpus_per_tres: 'gres:gpu:4', memory_per_tres: 'gres:gpu:200', cpus: 1 }
  assert.deepEqual(sizePerNode(fields, 1), { cpus: 8, memoryMiB: 400, gpus: 2 })
})

test('the nodes of a job hold it, and none of them could go', () => {
  const some = fc.integer({ min: 1, max: 1000 })
  fc.assert(
    fc.property(some, some, fc.integer({ min: 1, max: 64 }), (cpus, gpus, nodes) => {
      const size = sizePerNode({ cpus, tres_per_job: `gres:gpu:${gpus}`, memory_per_cpu: 10 }, nodes)
      assert.ok(size.cpus * nodes >= cpus && (size.cpus - 1) * nodes < cpus)
      assert.ok(size.gpus * nodes >= gpus && (size.gpus - 1) * nodes < gpus)
      assert.equal(size.memoryMiB, size.cpus * 10)
    }),
  )
})

test('no list of resources makes the reading fail', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(gres|gpu|[:/=,()a-z0-9])*$/)), (list) => {
      const { gpus } = sizePerNode({ tres_per_node: list, tres_per_task: list, tres_req_str: list }, 2)
      assert.ok(gpus >= 0 && !Number.isNaN(gpus))
    }),
  )
})
