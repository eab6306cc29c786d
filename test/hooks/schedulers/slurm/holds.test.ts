import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  groupsOf,
  jobUpdateArgvs,
  updatesForExplain,
  updatesForHold,
  updatesForRelease,
  updatesForTidying,
} from '../../../../src/hooks/schedulers/slurm/holds.ts'
import { parseSqueue, type SlurmJob } from '../../../../src/hooks/schedulers/slurm/squeue.ts'

/** A job as it is read: priority 0 is held, `mark` is its admin comment. */
function job(job_id: number, fields: Record<string, unknown> = {}): SlurmJob {
  const plain = { job_state: 'PENDING', state_reason: 'Priority', priority: 9, submit_time: 1000, nodes: '' }
  const [read] = parseSqueue(JSON.stringify({ jobs: [{ ...plain, job_id, ...fields }] }), 0)
  assert.ok(read)
  return read
}
const held = { state_reason: 'JobHeldAdmin', priority: 0 }
const mark = { admin_comment: 'causeway:hold: cap' }
const jobs = [
  job(1),
  job(2, { array_job_id: 2, array_task_string: '3-9%2' }),
  job(3, { het_job_id: 3, het_job_offset: 1, admin_comment: 'of the site' }),
  job(4, { job_state: 'RUNNING', nodes: 'n1' }),
  job(5, { ...held }),
  job(6, { ...held, state_reason: 'JobHeldUser' }),
  job(7, { ...held, ...mark }),
  job(8, { ...held, ...mark, state_reason: 'JobHeldUser' }),
  job(9, { ...mark }),
  job(10, { ...held, ...mark, job_state: 'RUNNING', nodes: 'n1' }),
  job(11, { ...mark, job_state: 'RUNNING', nodes: 'n1' }),
  job(12, { ...held, ...mark, job_state: 'CANCELLED' }),
  job(13, { ...held, admin_comment: 'of the site causeway:hold: cap' }),
  job(14, { state_reason: 'Dependency', dependency: 'afterok:1(unfulfilled)' }),
  job(15, { admin_comment: 'of the site causeway:hold: stale' }),
]
const lines = (updates: ReturnType<typeof updatesForHold>) =>
  updates.map((update) =>
    [update.act, update.ids.join(' '), ...('comment' in update ? [update.comment] : [])].join(' | '),
  )

test('jobs are held that are pending and held by nobody, and what others have written stays', () => {
  assert.deepEqual(lines(updatesForHold(jobs, 'cap of "alice"\n is  full')), [
    "hold | 1 2_[3-9] 9 14 | causeway:hold: cap of 'alice' is full",
    "hold | 3+1 15 | of the site causeway:hold: cap of 'alice' is full",
  ])
})

test('our own holds are ended, and no others', () => {
  assert.deepEqual(lines(updatesForRelease(jobs)), ['release | 7 13'])
})

test('a job that began while it was being held is let go, and a mark without a hold is taken away', () => {
  const { release, unmark } = updatesForTidying(jobs)
  assert.deepEqual(lines(release), ['release | 10'])
  assert.deepEqual(lines(unmark), ['comment | 8 9 11 10 | ', 'comment | 15 | of the site'])
})

test('jobs that wait for nodes, or are held by us, say why; what others have written and our hold stay', () => {
  const said = [
    job(20, { admin_comment: 'of the site causeway:hold: cap causeway:why: old', ...held }),
    job(21, { admin_comment: 'causeway:why: Resources: no room' }),
    job(22, { admin_comment: 'of the site causeway:why: Resources: no room' }),
  ]
  const text = (why: string, ...ids: string[]) => ids.map((id): [string, string] => [id, why])
  const texts = new Map([
    ...text('Resources: no "room"', '1', '2_[3-9]', '3+1', '4', '5', '6', '7', '12', '14', '20'),
    ...text('Resources: no room', '21', 'gone'),
    ...text('', '22', '13'),
  ])
  assert.deepEqual(lines(updatesForExplain([...jobs, ...said], texts)), [
    "comment | 1 2_[3-9] 4 | causeway:why: Resources: no 'room'",
    "comment | 3+1 | of the site causeway:why: Resources: no 'room'",
    "comment | 7 | causeway:hold: cap causeway:why: Resources: no 'room'",
    "comment | 20 | of the site causeway:hold: cap causeway:why: Resources: no 'room'",
    'comment | 22 | of the site',
  ])
})

test('what was said of a job stays when it is held and let go', () => {
  const explained = job(1, { admin_comment: 'mine causeway:why: no room' })
  assert.deepEqual(lines(updatesForHold([explained], 'cap')), [
    'hold | 1 | mine causeway:hold: cap causeway:why: no room',
  ])
  const letGo = job(1, { admin_comment: 'mine causeway:hold: cap causeway:why: no room' })
  assert.deepEqual(lines(updatesForTidying([letGo]).unmark), ['comment | 1 | mine causeway:why: no room'])
})

test('a hold sets priority and mark at once', () => {
  assert.deepEqual(jobUpdateArgvs({ act: 'hold', ids: ['1', '2_[3-9]'], comment: 'causeway:hold: x' }), [
    ['scontrol', 'update', 'jobid=1,2_[3-9]', 'priority=0', 'admincomment=causeway:hold: x'],
  ])
  assert.deepEqual(jobUpdateArgvs({ act: 'release', ids: ['1', '3+1'] }), [['scontrol', 'release', '1,3+1']])
  assert.deepEqual(jobUpdateArgvs({ act: 'comment', ids: ['1'], comment: '' }), [
    ['scontrol', 'update', 'jobid=1', 'admincomment='],
  ])
})

test('however many jobs there are, no argument is too long and none is left out', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(120_000), { maxLength: 30 }), fc.nat(5000), (long, short) => {
      const ids = [...long.map((length) => '1'.repeat(length + 1)), ...Array.from({ length: short }, (_, k) => `${k}`)]
      const groups = groupsOf(ids)
      assert.deepEqual(groups.flat(), ids)
      for (const group of groups)
        assert.ok(group.length > 0 && (group.length === 1 || group.join(',').length <= 100_000))
    }),
    { numRuns: 30 },
  )
})
