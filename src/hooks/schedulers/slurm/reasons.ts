import type { Blocked } from '../../../elastic/plan/demand.ts'

/**
 * What the reasons of Slurm 22.05 (as `squeue` writes them) say of a pending job; null: nothing but nodes is missing. Limits of
 * accounts and QOSs are too many to be listed, their names tell: see `limits`.
 */
const reasons: Readonly<Record<string, Blocked | null>> = {
  // Nodes are missing, or the scheduler has not come to it yet.
  '': null,
  None: null,
  Priority: null,
  Resources: null,
  // All nodes that would do are down or drained, which may be our doing.
  ReqNodeNotAvail: null,
  NodeDown: null,
  FrontEndDown: null,
  SchedDefer: null,
  // Its last nodes are being cleaned, or its prolog runs.
  Cleaning: null,
  Prolog: null,

  JobHeldUser: 'Held',
  JobHeldAdmin: 'Held',
  // Slurm has put it back after a failure and holds it.
  JobHoldMaxRequeue: 'Held',
  JobLaunchFailure: 'Held',
  SystemFailure: 'Held',

  Dependency: 'Dependency',
  DependencyNeverSatisfied: 'Dependency',
  BeginTime: 'BeginTime',
  Licenses: 'Licence',

  JobArrayTaskLimit: 'Limit',
  AccountingPolicy: 'Limit',

  // No node that Slurm knows would do, or its queue or account will not have it.
  BadConstraints: 'Impossible',
  PartitionConfig: 'Impossible',
  PartitionNodeLimit: 'Impossible',
  PartitionTimeLimit: 'Impossible',
  MaxMemPerLimit: 'Impossible',
  InvalidAccount: 'Impossible',
  InvalidQOS: 'Impossible',
  QOSNotAllowed: 'Impossible',
  AccountNotAllowed: 'Impossible',
  DeadLine: 'Impossible',

  PartitionDown: 'Other',
  PartitionInactive: 'Other',
  Reservation: 'Other',
  ReservationDeleted: 'Other',
  BurstBufferResources: 'Other',
  BurstBufferStageIn: 'Other',
  BurstBufferOperation: 'Other',
  PowerNotAvail: 'Other',
  PowerReserved: 'Other',
  FedJobLock: 'Other',
  BlockMaxError: 'Other',
  BlockFreeAction: 'Other',
  // How its last run ended; Slurm has not looked at it since it went back to the queue.
  NonZeroExitCode: 'Other',
  TimeLimit: 'Other',
  InactiveLimit: 'Other',
  OutOfMemory: 'Other',
}

/** Limits set for an association, a QOS or an account: `AssocGrpCpuLimit`, `QOSMaxJobsPerUserLimit`, `MaxNodePerAccount`. */
const limits = /^(Assoc|QOS|Max.*PerAccount$)/

/**
 * What a pending job with this reason waits for; null if only for nodes. For a reason that is not known (a later Slurm's)
 * nothing is grown: `Other`.
 */
export function blockedBy(reason: string): Blocked | null {
  if (Object.hasOwn(reasons, reason)) return reasons[reason] ?? null
  return limits.test(reason) ? 'Limit' : 'Other'
}
