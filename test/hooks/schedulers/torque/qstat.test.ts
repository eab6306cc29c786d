import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'
import {
  confinedSite,
  confineSpec,
  featuresOf,
  parseNodeSpec,
} from '../../../../src/hooks/schedulers/torque/node-spec.ts'
import { parseQstat, type TorqueJob } from '../../../../src/hooks/schedulers/torque/qstat.ts'
import { durationMs, sizeMiB } from '../../../../src/hooks/schedulers/torque/quantities.ts'
import { qstatDocument } from './documents.ts'

const now = 2_000_000

async function job(...fields: [string, string][]): Promise<TorqueJob> {
  const [found] = await parseQstat(qstatDocument(fields), now)
  assert.ok(found)
  return found
}

suite('what a job asks for', () => {
  const cases: [string, [string, string][], object][] = [
    ['nothing said', [], { nodeCount: 1, cpus: 1, memoryMiB: 0, gpus: 0 }],
    ['nodes', [['nodes', '4']], { nodeCount: 4, cpus: 1, memoryMiB: 0, gpus: 0 }],
    ['processors of each', [['nodes', '2:ppn=8']], { nodeCount: 2, cpus: 8, memoryMiB: 0, gpus: 0 }],
    [
      'parts: the largest counts',
      [['nodes', '2:ppn=2:fast+1:ppn=4:gpus=2']],
      { nodeCount: 3, cpus: 4, memoryMiB: 0, gpus: 2 },
    ],
    ['a host by name', [['nodes', 'node7:ppn=2']], { nodeCount: 1, cpus: 2, memoryMiB: 0, gpus: 0 }],
    [
      'memory of the whole job',
      [
        ['nodes', '3'],
        ['mem', '1gb'],
      ],
      { nodeCount: 3, cpus: 1, memoryMiB: 342, gpus: 0 },
    ],
    [
      'memory by process',
      [
        ['nodes', '2:ppn=4'],
        ['pmem', '512mb'],
      ],
      { nodeCount: 2, cpus: 4, memoryMiB: 2048, gpus: 0 },
    ],
    [
      'both: the larger',
      [
        ['nodes', '1:ppn=2'],
        ['mem', '4gb'],
        ['pmem', '1gb'],
      ],
      { nodeCount: 1, cpus: 2, memoryMiB: 4096, gpus: 0 },
    ],
    [
      'virtual memory only',
      [
        ['nodes', '2'],
        ['vmem', '2gb'],
      ],
      { nodeCount: 2, cpus: 1, memoryMiB: 1024, gpus: 0 },
    ],
    [
      'virtual beside real',
      [
        ['nodes', '1'],
        ['mem', '1gb'],
        ['vmem', '9gb'],
      ],
      { nodeCount: 1, cpus: 1, memoryMiB: 1024, gpus: 0 },
    ],
    [
      'ncpus',
      [
        ['nodes', '1'],
        ['ncpus', '6'],
      ],
      { nodeCount: 1, cpus: 6, memoryMiB: 0, gpus: 0 },
    ],
    ['procs', [['procs', '40']], { nodeCount: 40, cpus: 1, memoryMiB: 0, gpus: 0 }],
    [
      'GPUs beside the nodes',
      [
        ['nodes', '1'],
        ['gpus', '2'],
      ],
      { nodeCount: 1, cpus: 1, memoryMiB: 0, gpus: 2 },
    ],
  ]
  for (const [what, resources, wanted] of cases) {
    test(what, async () => {
      const { nodeCount, perNode } = await job(
        ...resources.map(([k, v]): [string, string] => [`Resource_List.${k}`, v]),
      )
      assert.deepEqual({ nodeCount, ...perNode }, wanted)
    })
  }

  test('times and sizes in all their forms', () => {
    const times: [string, number | null][] = [
      ['', null],
      ['90', 90_000],
      ['01:00:00', 3_600_000],
      ['2:30', 150_000],
      ['1:00:00:00', 86_400_000],
      ['00:00:01.5', 1000],
    ]
    assert.deepEqual(
      times.map(([text]) => durationMs(text, 'x')),
      times.map(([, ms]) => ms),
    )
    const sizes: [string, number | null][] = [
      ['', null],
      ['1', 1],
      ['1048577', 2],
      ['100mb', 100],
      ['24684084kb', 24106],
      ['2gb', 2048],
      ['1GW', 8192],
      ['3m', 3],
      ['1tb', 1_048_576],
    ]
    assert.deepEqual(
      sizes.map(([text]) => sizeMiB(text, 'x')),
      sizes.map(([, size]) => size),
    )
  })

  test('whether it wants nodes for itself', async () => {
    for (const fields of [
      [['node_exclusive', 'True']],
      [['x', 'NACCESSPOLICY:SINGLEJOB']],
      [['x', 'qos:high;naccesspolicy:singletask']],
      [['Resource_List.naccesspolicy', 'singleuser']],
    ] as [string, string][][]) {
      assert.equal((await job(...fields)).exclusive, true)
    }
    assert.equal((await job(['x', 'naccesspolicy:shared'])).exclusive, false)
  })

  test('whether it may be at several sites', async () => {
    assert.equal((await job(['Variable_List', 'PBS_O_HOST=head,CAUSEWAY_ANY_SITE=1,A=b'])).anySite, true)
    for (const list of ['CAUSEWAY_ANY_SITE=10', 'MY_CAUSEWAY_ANY_SITE=1', 'CAUSEWAY_ANY_SITE=0']) {
      assert.equal((await job(['Variable_List', list])).anySite, undefined)
    }
  })
})

suite('why a job waits', () => {
  const cases: [string, [string, string][], unknown][] = [
    ['it can run', [], null],
    [
      "a user's hold",
      [
        ['job_state', 'H'],
        ['Hold_Types', 'u'],
      ],
      'Held',
    ],
    [
      "an operator's hold",
      [
        ['job_state', 'H'],
        ['Hold_Types', 'o'],
      ],
      'Held',
    ],
    [
      "an admin's hold",
      [
        ['job_state', 'H'],
        ['Hold_Types', 's'],
      ],
      'Held',
    ],
    [
      'our hold',
      [
        ['job_state', 'H'],
        ['Hold_Types', 'os'],
      ],
      'HeldByCauseway',
    ],
    [
      "our hold and the user's",
      [
        ['job_state', 'H'],
        ['Hold_Types', 'uos'],
      ],
      'Held',
    ],
    [
      'our hold on an element',
      [
        ['job_state', 'H'],
        ['Hold_Types', 'osl'],
      ],
      'HeldByCauseway',
    ],
    [
      "an array's slot limit",
      [
        ['job_state', 'H'],
        ['Hold_Types', 'l'],
      ],
      'Limit',
    ],
    [
      'a dependency',
      [
        ['job_state', 'H'],
        ['Hold_Types', 's'],
        ['depend', 'afterok:2.head'],
      ],
      'Dependency',
    ],
    [
      "others' dependencies are not its own",
      [
        ['job_state', 'H'],
        ['Hold_Types', 's'],
        ['depend', 'beforeok:9.head'],
      ],
      'Held',
    ],
    [
      'its time',
      [
        ['job_state', 'W'],
        ['Execution_Time', '3000'],
      ],
      'BeginTime',
    ],
    ['held, nobody knows why', [['job_state', 'H']], 'Held'],
    ['on its way to another queue', [['job_state', 'T']], 'Other'],
    ['what pbs_sched can not place', [['comment', 'Not Running - PBS Error: Unknown node-attribute ']], 'Impossible'],
  ]
  for (const [what, fields, blocked] of cases) {
    test(what, async () => assert.equal((await job(...fields)).blocked, blocked))
  }

  test('the scheduler says so in the comment, and what we said there is not its word', async () => {
    const reason = async (comment: string) => (await job(['comment', comment])).reason
    assert.equal(
      await reason('Not Running: Not enough of the right type of nodes are available'),
      'Not enough of the right type of nodes are available',
    )
    assert.equal(await reason('causeway: waits for east-1'), '')
    assert.equal(await reason('Job started on Sun Nov 22 at 15:21'), '')
    assert.equal(await reason('see ticket 12'), 'see ticket 12')
  })

  test('a dependency that is met is none any more', async () => {
    const met = await job(['depend', 'afterok:2.head'], ['Hold_Types', 'n'])
    assert.deepEqual([met.blocked, met.dependency], [null, ''])
    const unmet = await job(['job_state', 'H'], ['Hold_Types', 's'], ['depend', 'afterok:2.head,beforeok:3.head'])
    assert.equal(unmet.dependency, 'afterok:2.head')
  })
})

suite('states, hosts and arrays', () => {
  test('a job that is being sent to its node is starting', async () => {
    for (const substate of ['40', '41']) {
      const starting = await job(
        ['job_state', 'R'],
        ['substate', substate],
        ['exec_host', 't1/0'],
        ['start_time', '1500'],
      )
      assert.deepEqual([starting.state, starting.startedAtMs, starting.nodes], ['starting', null, ['t1']])
    }
    const running = await job(['job_state', 'R'], ['substate', '42'], ['exec_host', 't1/0'], ['start_time', '1500'])
    assert.deepEqual([running.state, running.startedAtMs], ['running', 1_500_000])
  })

  test('a job that went back to the queue shows no nodes', async () => {
    const back = await job(['job_state', 'Q'], ['exec_host', 't1/0'], ['start_time', '1500'])
    assert.deepEqual([back.nodes, back.startedAtMs], [[], null])
  })

  test('hosts in old and new forms', async () => {
    for (const text of ['t3/0-1+t2/0-1', 't3/1+t3/0+t2/1+t2/0', 't3/0,2+t2/0']) {
      assert.deepEqual((await job(['job_state', 'R'], ['exec_host', text])).nodes, ['t3', 't2'])
    }
  })

  test('exiting, suspended, ended', async () => {
    assert.equal((await job(['job_state', 'E'])).state, 'completing')
    assert.equal((await job(['job_state', 'S'])).state, 'other')
    const ended = await job(['job_state', 'C'], ['comp_time', '1600'])
    assert.deepEqual([ended.state, ended.endedAtMs, ended.blocked], ['ended', 1_600_000, null])
    assert.equal((await job(['job_state', 'C'], ['mtime', '1700'])).endedAtMs, 1_700_000)
  })

  test('an array stands for its elements only where they are not listed', async () => {
    const head: [string, string][] = [
      ['Job_Id', '4[].head'],
      ['job_array_request', '1-3,7%2'],
    ]
    const alone = await parseQstat(qstatDocument(head), now)
    assert.deepEqual(
      alone.map(({ id, count }) => [id, count]),
      [['4[]', 4]],
    )
    const both = await parseQstat(qstatDocument(head, [['Job_Id', '4[7].head']]), now)
    assert.deepEqual(
      both.map(({ id, count }) => [id, count]),
      [['4[7]', 1]],
    )
  })
})

suite('requests for nodes', () => {
  test('the properties asked for', () => {
    const features = (spec: string) => featuresOf(parseNodeSpec(spec))
    assert.equal(features('2:ppn=2'), '')
    assert.equal(features('2:ppn=2:fast:big'), 'fast&big')
    assert.equal(features('2:fast+3:ppn=4:fast'), 'fast')
    assert.equal(features('2:fast+1:ppn=4'), 'fast')
    assert.equal(features('2:fast+1:big:ppn=4'), '[fast*2&big*1]')
    assert.equal(features('2:fast:big+1:new'), '[(fast&big)*2&new*1]')
    assert.equal(features('2:fast:causeway-site-east'), 'fast')
    assert.equal(features('4#shared'), '')
  })

  test('a confinement is added, replaced and read back, and nothing else changes', () => {
    assert.equal(confineSpec('2:ppn=2+1:fast', 'east'), '2:ppn=2:causeway-site-east+1:fast:causeway-site-east')
    assert.equal(confineSpec('2:causeway-site-west:ppn=2', 'east'), '2:ppn=2:causeway-site-east')
    assert.equal(confineSpec('2:ppn=2#shared', 'east'), '2:ppn=2:causeway-site-east#shared')
    assert.equal(confinedSite(parseNodeSpec('2:causeway-site-east+1')), undefined)
    const part = fc.tuple(
      fc.nat(99),
      fc.subarray(['ppn=2', 'gpus=1', 'fast', 'big', 'mics=1', 'causeway-site-west', 'site-east']),
    )
    const spec = fc
      .array(part, { minLength: 1, maxLength: 4 })
      .map((parts) => parts.map(([count, words]) => [count, ...words].join(':')).join('+'))
    fc.assert(
      fc.property(spec, fc.constantFrom('east', 'west', 'far-north'), (text, site) => {
        const once = confineSpec(text, site)
        assert.equal(confineSpec(once, site), once)
        assert.equal(confinedSite(parseNodeSpec(once)), site)
        assert.equal(featuresOf(parseNodeSpec(once)), featuresOf(parseNodeSpec(text)))
        const without = (value: string) =>
          parseNodeSpec(value).map(({ properties, ...rest }) => [
            rest,
            properties.filter((word) => !word.startsWith('causeway-')),
          ])
        assert.deepEqual(without(once), without(text))
      }),
    )
  })
})
