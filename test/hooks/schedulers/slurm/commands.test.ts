import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  nodeUpdateArgv,
  reasonText,
  updatesForCancelDrain,
  updatesForClose,
  updatesForDrain,
  updatesForPowerDown,
  updatesForPowerUp,
  updatesForReopen,
} from '../../../../src/hooks/schedulers/slurm/commands.ts'
import type { SlurmNode } from '../../../../src/hooks/schedulers/slurm/sinfo.ts'

const unsaid = { planned: false, dynamic: false, inPartition: true, weight: null, cpus: null, memoryMiB: null }
const base = { busy: false, drained: false, down: false, reason: '', features: [], powerDownPending: false, ...unsaid }
const absent: SlurmNode = { ...base, name: 'absent', power: 'absent', responding: false }
const idle: SlurmNode = { ...base, name: 'idle', power: 'present', responding: true }
const busy: SlurmNode = { ...idle, name: 'busy', busy: true }
const wanted: SlurmNode = { ...base, name: 'wanted', power: 'wanted', responding: false }
const wantedForJob: SlurmNode = { ...wanted, name: 'for-job', busy: true }
const leaving: SlurmNode = { ...base, name: 'leaving', power: 'leaving', responding: true }
const plain = [absent, idle, busy, wanted, wantedForJob, leaving]

const ours = (node: SlurmNode): SlurmNode => ({
  ...node,
  name: `ours-${node.name}`,
  drained: true,
  reason: 'causeway: x',
})
const admins = (node: SlurmNode): SlurmNode => ({ ...node, name: `admins-${node.name}`, drained: true, reason: 'disk' })
const every = [...plain, ...plain.map(ours), ...plain.map(admins)]

/** `state: names` of each update. */
const lines = (updates: ReturnType<typeof updatesForDrain>) =>
  updates.map(({ state, names }) => `${state}: ${names.join(' ')}`)

test('each act touches the nodes that it may, and no others', () => {
  assert.deepEqual(lines(updatesForPowerUp(every)), ['power_up: absent'])
  assert.deepEqual(lines(updatesForDrain(every, 'x')), ['drain: absent idle busy wanted leaving'])
  assert.deepEqual(lines(updatesForClose(every, 'x')), ['drain: absent'])
  assert.deepEqual(lines(updatesForCancelDrain(every)), [
    'idle: ours-absent ours-idle ours-leaving',
    'undrain: ours-busy ours-wanted ours-for-job',
  ])
  assert.deepEqual(lines(updatesForReopen(every)), ['idle: ours-absent ours-idle ours-wanted ours-leaving'])
  assert.deepEqual(lines(updatesForPowerDown(every)), [
    'power_down: idle busy for-job ours-idle ours-busy ours-for-job admins-idle admins-busy admins-for-job',
    'power_down_force: wanted ours-wanted admins-wanted',
    'idle: ours-absent',
  ])
})

test('a failure that was cut off is finished by reopening the node', () => {
  const half: SlurmNode = { ...wanted, name: 'half', down: true, reason: 'causeway: x' }
  const slurms: SlurmNode = { ...half, name: 'slurms', reason: 'Not responding' }
  assert.deepEqual(lines(updatesForReopen([half, slurms])), ['power_down_force: half'])
})

test('many nodes are one command', () => {
  const names = Array.from({ length: 300 }, (_, index) => `east-${index + 1}`)
  assert.deepEqual(nodeUpdateArgv({ state: 'drain', names, reason: 'causeway: x' }), [
    'scontrol',
    'update',
    'nodename=east-[1-300]',
    'state=drain',
    'reason=causeway: x',
  ])
})

test('a reason is one line with our prefix', () => {
  assert.equal(reasonText('idle'), 'causeway: idle')
  assert.equal(reasonText('causeway: idle'), 'causeway: idle')
  assert.equal(reasonText('the "last"\nwords\u0000\tof it '), "causeway: the 'last' words of it")
  assert.equal(reasonText('x'.repeat(1000)).length, 200)
})
