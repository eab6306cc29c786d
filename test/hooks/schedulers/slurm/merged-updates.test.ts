import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { CausewayError, type ErrorCode } from '../../../../src/base/errors.ts'
import type { NodeUpdate } from '../../../../src/hooks/schedulers/slurm/commands.ts'
import { MergedUpdates } from '../../../../src/hooks/schedulers/slurm/merged-updates.ts'

/** Updates on nodes of which some can't be served. */
function updatesWith(bad: Readonly<Record<string, ErrorCode>> = {}) {
  const ran: NodeUpdate[] = []
  const updates = new MergedUpdates(async (update) => {
    ran.push(update)
    await setImmediate()
    const code = update.names.map((name) => bad[name]).find((one) => one !== undefined)
    if (code) throw new CausewayError(code, 'refused')
  })
  return { ran, updates }
}
const drain = (...names: string[]): NodeUpdate => ({ state: 'drain', names, reason: 'causeway: idle' })

test('updates of one turn with the same state and reason are one command, with each node once', async () => {
  const { ran, updates } = updatesWith()
  const other: NodeUpdate = { state: 'drain', names: ['d'], reason: 'causeway: old' }
  const down: NodeUpdate = { state: 'power_down', names: ['e'] }
  const all = [drain('a'), other, drain('b', 'c'), down, drain('a')]
  await Promise.all(all.map((update) => updates.carryOut(update)))
  assert.deepEqual(ran, [drain('a', 'b', 'c'), other, down])
})

test('an update that comes while another is carried out is a command of its own', async () => {
  const { ran, updates } = updatesWith()
  const first = updates.carryOut(drain('a'))
  while (ran.length === 0) await setImmediate()
  await Promise.all([first, updates.carryOut(drain('b'))])
  assert.deepEqual(ran, [drain('a'), drain('b')])
})

test('a node that Slurm refuses fails for those who asked for it, and nobody else', async () => {
  const { ran, updates } = updatesWith({ bad: 'CommandFailed' })
  const [good, bad] = await Promise.allSettled([updates.carryOut(drain('a')), updates.carryOut(drain('bad'))])
  assert.deepEqual([good?.status, bad?.status], ['fulfilled', 'rejected'])
  assert.deepEqual(ran, [drain('a', 'bad'), drain('a'), drain('bad')])
})

test('one call that is refused is not tried again, nor is anything while Slurm is away', async () => {
  const refused = updatesWith({ bad: 'CommandFailed' })
  await assert.rejects(refused.updates.carryOut(drain('bad')), { code: 'CommandFailed' })
  assert.equal(refused.ran.length, 1)
  const away = updatesWith({ a: 'SchedulerUnreachable' })
  const calls = [drain('a'), drain('b')].map((update) =>
    assert.rejects(away.updates.carryOut(update), { code: 'SchedulerUnreachable' }),
  )
  await Promise.all(calls)
  assert.equal(away.ran.length, 1)
})
