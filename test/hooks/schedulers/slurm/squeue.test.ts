import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { CausewayError } from '../../../../src/base/errors.ts'
import { parseSqueue } from '../../../../src/hooks/schedulers/slurm/squeue.ts'

const sample = readFileSync(new URL('samples/a-squeue.txt', import.meta.url), 'utf8')
/** When the sample was taken. */
const nowMs = 1_795_361_112_000

/** A document with one job: a pending one, changed by `fields`. */
function queueWith(fields: Record<string, unknown>): string {
  const job = { job_id: 5, job_state: 'PENDING', state_reason: 'Resources', nodes: '', submit_time: 1000, ...fields }
  return JSON.stringify({ meta: {}, errors: [], jobs: [job] })
}
const parseOne = (fields: Record<string, unknown>) => parseSqueue(queueWith(fields), nowMs)[0]

test('a recorded queue is read job by job', () => {
  const lines = parseSqueue(sample, nowMs).map((job) => {
    const { id, name, state, reason, blocked, nodeCount, count, nodes } = job
    const why = state === 'pending' ? (blocked ?? 'eligible') : '-'
    return [id, name, state, reason, why, nodeCount, count, nodes.join('+')].join(' ')
  })
  assert.deepEqual(lines, [
    '1 ok ended  - 1 1 dyn1',
    '2 bad ended NonZeroExitCode - 1 1 dyn1',
    '3 tmout running  - 1 1 dyn1',
    '4 cancelme ended  - 1 1 dyn1',
    '5 run1 running  - 1 1 dyn1',
    '6 par running  - 2 1 dyn3+dyn2',
    '7_1 arr running  - 1 1 dyn4',
    '7_2 arr running  - 1 1 dyn4',
    '7_[3-6] arr pending JobArrayTaskLimit Limit 1 4 ',
    '10 dep pending Dependency Dependency 1 1 ',
    '11 held pending JobHeldUser Held 1 1 ',
    '12 big pending Resources eligible 5 1 ',
    '13 huge pending PartitionNodeLimit Impossible 20 1 ',
    '14 later pending BeginTime BeginTime 1 1 ',
    '16 prio pending PartitionConfig Impossible 10 1 ',
    '17 onsn1 running  - 1 1 sn1',
    '18 onsn2 running  - 1 1 sn2',
    '19 cfg pending Cleaning BeginTime 1 1 ',
    '20 cfg2 starting  - 1 1 sn4',
  ])
})

test('times are those that have happened, in milliseconds', () => {
  const times = new Map(parseSqueue(sample, nowMs).map((job) => [job.id, job]))
  assert.deepEqual(pick(times.get('1')), {
    submitted: 1_795_361_061_000,
    started: 1_795_361_062_000,
    ended: 1_795_361_062_000,
  })
  // It will end by its time limit; that is not an end.
  assert.deepEqual(pick(times.get('3')), { submitted: 1_795_361_061_000, started: 1_795_361_062_000, ended: null })
  // It has its nodes since then, but has not started.
  assert.deepEqual(pick(times.get('20')), { submitted: 1_795_361_110_000, started: null, ended: null })
  // An estimate.
  assert.deepEqual(pick(times.get('14')), { submitted: 1_795_361_065_000, started: null, ended: null })
  // Cancelled before it ever had a node.
  assert.equal(parseOne({ job_state: 'CANCELLED', start_time: 1500, end_time: 1500 })?.startedAtMs, null)
})

function pick(job: { submittedAtMs: number; startedAtMs: number | null; endedAtMs: number | null } | undefined) {
  return { submitted: job?.submittedAtMs, started: job?.startedAtMs, ended: job?.endedAtMs }
}

test('a job is eligible only when nothing but nodes is missing', () => {
  const eligible = (fields: Record<string, unknown>) => parseOne(fields)?.blocked === null
  for (const reason of ['None', '', 'Priority', 'Resources', 'ReqNodeNotAvail'])
    assert.equal(eligible({ state_reason: reason }), true)
  for (const reason of [
    'JobHeldUser',
    'JobHeldAdmin',
    'Dependency',
    'QOSMaxJobsPerUserLimit',
    'AssocGrpCpuLimit',
    'Licenses',
    'NewReason',
  ]) {
    assert.equal(eligible({ state_reason: reason }), false, reason)
  }
  assert.equal(eligible({ eligible_time: nowMs / 1000 + 60 }), false)
  assert.equal(eligible({ eligible_time: nowMs / 1000 - 60 }), true)
  assert.equal(parseOne({ job_state: 'RUNNING', nodes: 'n1', state_reason: 'Dependency' })?.blocked, null)
  // Slurm has not looked at it yet.
  assert.equal(parseOne({ state_reason: 'None', dependency: 'afterok:9(unfulfilled)' })?.blocked, 'Dependency')
})

test('a hold is ours when our mark is in the comment that only administrators write, and it is still an admin hold', () => {
  const blocked = (state_reason: string, priority: number, admin_comment: string) =>
    parseOne({ state_reason, priority, admin_comment })?.blocked
  assert.equal(blocked('JobHeldAdmin', 0, 'causeway:hold: cap of alice'), 'HeldByCauseway')
  assert.equal(blocked('JobHeldAdmin', 0, 'of the site causeway:hold: cap of alice'), 'HeldByCauseway')
  assert.equal(blocked('Dependency', 0, 'causeway:hold: cap'), 'HeldByCauseway')
  assert.equal(blocked('JobHeldUser', 0, 'causeway:hold: cap'), 'Held')
  assert.equal(blocked('JobHeldAdmin', 0, 'of the site'), 'Held')
  assert.equal(blocked('Priority', 0, ''), 'Held')
  assert.equal(blocked('None', 5, 'causeway:hold: let go by an admin'), null)
  const running = parseOne({ job_state: 'RUNNING', nodes: 'n1', priority: 0, admin_comment: 'causeway:hold: late' })
  assert.deepEqual([running?.blocked, running?.heldByUs], [null, true])
})

test('limits of time, begin times, licences and dependencies are passed on', () => {
  const facts = (fields: Record<string, unknown>) => {
    const job = parseOne(fields)
    return [job?.wallMs, job?.beginAtMs, job?.licences, job?.dependency, job?.account]
  }
  assert.deepEqual(facts({}), [null, null, '', '', ''])
  assert.deepEqual(facts({ time_limit: 90, licenses: 'matlab:1', account: 'physics' }), [
    5_400_000,
    null,
    'matlab:1',
    '',
    'physics',
  ])
  // A year is what Slurm writes for no limit.
  assert.deepEqual(facts({ time_limit: 525_600, dependency: 'afterok:9(unfulfilled)' }), [
    null,
    null,
    '',
    'afterok:9(unfulfilled)',
    '',
  ])
  assert.equal(facts({ eligible_time: nowMs / 1000 + 60 })[1], nowMs + 60_000)
  assert.equal(facts({ eligible_time: nowMs / 1000 + 60, job_state: 'RUNNING', nodes: 'n1' })[1], null)
})

test('a user says in the comment that nodes may be at any site', () => {
  const anySite = (comment: string | null) => parseOne({ comment })?.anySite
  for (const comment of ['any-site', 'paper 3, any-site!', '(any-site)']) assert.equal(anySite(comment), true, comment)
  for (const comment of [null, '', 'any site', 'many-site', 'any-sites', 'not-any-site', 'any-site-else'])
    assert.equal(anySite(comment), undefined, String(comment))
})

test('an array that was cancelled as a whole, which names no elements any more, does not spoil the reading', () => {
  const job = parseOne({ job_state: 'CANCELLED', array_job_id: 5, array_task_id: null, array_task_string: '' })
  assert.deepEqual([job?.id, job?.state, job?.count], ['5', 'ended', 1])
})

test('arrays that are not split off count their elements', () => {
  const array = (array_task_string: string) => {
    const job = parseOne({ array_job_id: 5, array_task_id: null, array_task_string })
    return `${job?.id} ${job?.count}`
  }
  assert.equal(array('3-9'), '5_[3-9] 7')
  assert.equal(array('1,4,7-8%2'), '5_[1,4,7-8] 4')
  assert.equal(array('1-199:3'), '5_[1-199:3] 67')
  assert.equal(array('1,2,...'), '5_[1,2,...] 2')
  assert.equal(parseOne({ array_job_id: 5, array_task_id: 0, array_task_string: '' })?.id, '5_0')
  assert.throws(() => array('9-3'), { code: 'MalformedOutput' })
  assert.throws(() => array('0x1F'), { code: 'MalformedOutput' })
})

test('a part of a heterogeneous job is called as users call it', () => {
  assert.equal(parseOne({ het_job_id: 5, het_job_offset: 1 })?.id, '5+1')
})

test('the notation of later versions is understood', () => {
  const number = (value: number) => ({ set: true, infinite: false, number: value })
  const job = parseOne({
    job_id: 5,
    job_state: ['RUNNING', 'CONFIGURING'],
    array_job_id: number(3),
    array_task_id: number(4),
    node_count: number(2),
    nodes: 'n[1-2]',
    submit_time: number(1000),
    start_time: { set: false, infinite: false, number: 0 },
  })
  assert.equal(job?.id, '3_4')
  assert.equal(job?.state, 'starting')
  assert.equal(job?.nodeCount, 2)
  assert.equal(job?.submittedAtMs, 1_000_000)
  assert.equal(parseOne({ job_state: ['COMPLETED', 'COMPLETING'], nodes: 'n1' })?.state, 'completing')
})

test('what is not a queue is no empty queue', () => {
  for (const text of [
    '',
    '{}',
    '[]',
    'null',
    '{"jobs":{}}',
    '{"jobs":[1]}',
    '{"errors":1,"jobs":[]}',
    'slurm_load_jobs error',
    sample.slice(0, 3000),
  ]) {
    assert.throws(() => parseSqueue(text, nowMs), { code: 'MalformedOutput' }, text.slice(0, 40))
  }
  for (const fields of [
    { job_id: 'x' },
    { job_id: null },
    { job_state: 'DANCING' },
    { job_state: 7 },
    { job_state: 'RUNNING', nodes: 'n[1' },
    { submit_time: -1 },
  ]) {
    assert.throws(() => parseOne(fields), { code: 'MalformedOutput' }, JSON.stringify(fields))
  }
})

test('an empty list with an error in it, as printed with status 0 while slurmctld is away, is no empty queue', () => {
  const text = '{"meta":{},"errors":[{"description":"Failed while looking for jobs","error_number":-1}],"jobs":[]}'
  assert.throws(() => parseSqueue(text, nowMs), {
    code: 'SchedulerUnreachable',
    message: /Failed while looking for jobs/,
  })
})

test('no text makes the parser fail in another way than it promises', () => {
  const anyJob = fc.record(
    {
      job_id: fc.anything(),
      job_state: fc.oneof(fc.constantFrom('PENDING', 'RUNNING'), fc.anything()),
      nodes: fc.oneof(fc.string(), fc.anything()),
      submit_time: fc.anything(),
      array_job_id: fc.anything(),
      array_task_string: fc.anything(),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.array(anyJob).map((jobs) => JSON.stringify({ jobs })),
      ),
      (text) => {
        try {
          parseSqueue(text, nowMs)
        } catch (error) {
          assert.ok(
            error instanceof CausewayError && ['MalformedOutput', 'SchedulerUnreachable'].includes(error.code),
            String(error),
          )
        }
      },
    ),
  )
})

test('a job that completes has its nodes until it has ended, also those that are free again', () => {
  const allocated = (fields: Record<string, unknown>) => parseOne(fields)?.allocated
  const resources = { job_resources: { nodes: 'dyn[1-2]' } }
  assert.deepEqual(allocated({ job_state: 'RUNNING', nodes: 'dyn[1-2]', ...resources }), ['dyn1', 'dyn2'])
  assert.deepEqual(allocated({ job_state: 'COMPLETING', nodes: 'dyn2', ...resources }), ['dyn2', 'dyn1'])
  assert.deepEqual(allocated({ job_state: 'COMPLETING', nodes: '', ...resources }), ['dyn1', 'dyn2'])
  assert.deepEqual(allocated({ job_state: 'SUSPENDED', nodes: 'dyn1' }), ['dyn1'])
  assert.deepEqual(allocated({ job_state: 'COMPLETED', nodes: 'dyn[1-2]', ...resources }), [])
  assert.deepEqual(allocated({ nodes: '' }), [])
  // Later versions.
  const listed = { job_state: ['CANCELLED', 'COMPLETING'], nodes: '' }
  assert.deepEqual(allocated({ ...listed, job_resources: { nodes: { count: 1, list: 'dyn3' } } }), ['dyn3'])
  // It does not say which.
  assert.equal(allocated({ ...listed, nodes: 'dyn2' }), null)
  assert.equal(allocated({ job_state: 'RUNNING', nodes: '' }), null)
})
