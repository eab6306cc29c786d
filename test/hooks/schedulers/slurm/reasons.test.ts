import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { blockedBy } from '../../../../src/hooks/schedulers/slurm/reasons.ts'

const names = readFileSync(new URL('samples/reasons.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')

test('each reason that Slurm has says whether nodes would help', () => {
  const groups = Map.groupBy(names, (name) => String(blockedBy(name)))
  const limits = groups.get('Limit') ?? []
  assert.ok(limits.every((name) => /^(Assoc|QOS|Max|JobArrayTaskLimit|AccountingPolicy)/.test(name)))
  assert.equal(limits.length, 153)
  groups.delete('Limit')
  assert.deepEqual(Object.fromEntries(groups), {
    null: [
      'Cleaning',
      'FrontEndDown',
      'NodeDown',
      'None',
      'Priority',
      'Prolog',
      'ReqNodeNotAvail',
      'Resources',
      'SchedDefer',
    ],
    Impossible: [
      'AccountNotAllowed',
      'BadConstraints',
      'DeadLine',
      'InvalidAccount',
      'InvalidQOS',
      'MaxMemPerLimit',
      'PartitionConfig',
      'PartitionNodeLimit',
      'PartitionTimeLimit',
      'QOSNotAllowed',
    ],
    BeginTime: ['BeginTime'],
    Other: [
      'BlockFreeAction',
      'BlockMaxError',
      'BurstBufferOperation',
      'BurstBufferResources',
      'BurstBufferStageIn',
      'FedJobLock',
      'InactiveLimit',
      'NonZeroExitCode',
      'OutOfMemory',
      'PartitionDown',
      'PartitionInactive',
      'PowerNotAvail',
      'PowerReserved',
      'Reservation',
      'ReservationDeleted',
      'TimeLimit',
    ],
    Dependency: ['Dependency', 'DependencyNeverSatisfied'],
    Held: ['JobHeldAdmin', 'JobHeldUser', 'JobHoldMaxRequeue', 'JobLaunchFailure', 'SystemFailure'],
    Licence: ['Licenses'],
  })
})

test('for a reason of a later Slurm nothing is grown', () => {
  assert.equal(blockedBy('MoonPhase'), 'Other')
  assert.equal(blockedBy('QOSMaxMoonPerUser'), 'Limit')
  assert.equal(blockedBy('constructor'), 'Other')
})
