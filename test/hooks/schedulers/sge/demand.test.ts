import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseComplexes } from '../../../../src/hooks/schedulers/sge/complexes.ts'
import { type DemandContext, jobsOf, nodesOf } from '../../../../src/hooks/schedulers/sge/demand.ts'
import { parseDetails } from '../../../../src/hooks/schedulers/sge/details.ts'
import { parseQstat } from '../../../../src/hooks/schedulers/sge/qstat.ts'
import { wishOf } from '../../../../src/hooks/schedulers/sge/request.ts'
import { golden } from './golden.ts'
import { sample } from './sample.ts'

const complexes = parseComplexes(sample('qconf-sc.txt'))
const rules = new Map([
  ['mpi', '$round_robin'],
  ['node2', /^allocation_rule\s+(\S+)/m.exec(sample('qconf-sp-node2.txt'))?.[1] ?? ''],
])
const details = parseDetails(sample('qstat-j-all.xml'))

const context: DemandContext = {
  nowMs: Date.parse('2026-11-22T15:02:00Z'),
  queue: 'all.q',
  details,
  wishOf: (entry) => wishOf(entry, complexes, (pe) => rules.get(pe) ?? null, 'all.q'),
  isConfined: (pe) => pe.startsWith('mpi.'),
}

for (const name of [
  'qstat-f-r-ext-explain',
  'qstat-r-all',
  'qstat-all',
  'qstat-f-all',
  'qstat-f-F',
  'qstat-pri-urg',
  'qstat-g-d',
  'qstat-g-t',
  'qstat-s-p',
  'qstat-s-h',
  'qstat-s-z',
]) {
  test(`${name}.xml is read as reviewed`, () => {
    const { instances, entries } = parseQstat(sample(`${name}.xml`))
    const demand = { nodes: nodesOf(instances, entries, 'all.q'), jobs: jobsOf(entries, context) }
    golden(`${name}.json`, demand)
  })
}

test('what only qstat -j says is read as reviewed', () => {
  golden(
    'qstat-j-all.json',
    [...details.values()].map((one) => ({ ...one, context: Object.fromEntries(one.context) })),
  )
})

test('the answers to our own commands are read as reviewed', () => {
  const own = parseDetails(sample('own-details.xml'))
  const ownComplexes = parseComplexes(sample('own-complexes.txt'))
  const ownRules: Readonly<Record<string, string>> = { 'mpi.*': '$round_robin', pernode: '2', smp: '$pe_slots' }
  const { instances, entries } = parseQstat(sample('own-qstat.xml'))
  const jobs = jobsOf(entries, {
    ...context,
    nowMs: Date.parse('2026-11-23T00:39:00Z'),
    details: own,
    wishOf: (entry) => wishOf(entry, ownComplexes, (pe) => ownRules[pe] ?? null, 'all.q'),
  })
  golden('own-qstat.json', { nodes: nodesOf(instances, entries, 'all.q'), jobs })
})

test("a master that has started again writes a job's elements under a name that is no XML", () => {
  const before = sample('qstat-j-all.xml')
  const after = before.replaceAll(/<JB_ja_tasks>[^]*?<\/JB_ja_tasks>/g, (tasks) =>
    tasks
      .replaceAll(/^( {8}<\/?)ulong_sublist>/gm, '$1JATASK:       1.>')
      .replaceAll(/^( {10}<\/?)ulong_sublist>/gm, '$1JATASK:       1.>'),
  )
  assert.notEqual(after, before)
  assert.deepEqual(parseDetails(after), details)
})

test('jobs that are gone have no details', () => {
  assert.equal(parseDetails(sample('qstat-j-nonexistent.xml')).size, 0)
})
