import type { Blocked } from '../../elastic/plan/demand.ts'

/**
 * What each reason of Slurm 22.05 (`job_reason_string`) says of a pending job; null: nothing but nodes is missing. The limits of
 * associations and QOSs are many and are told by their names, see `blockedBy`.
 */
const reasons: Readonly<Record<string, Blocked | null>> = {
  // Nodes are missing, or Slurm has not looked yet.
  '': null,
  None: null,
  Priority: null,
  Resources: null,
  NodeDown: null,
  ReqNodeNotAvail: null,
  FrontEndDown: null,
  // The nodes it had are not clean yet.
  Cleaning: null,
  Prolog: null,

  JobHeldUser: 'Held',
  JobHeldAdmin: 'Held',
  // Slurm holds it after a failure.
  JobLaunchFailure: 'Held',

  BadConstraints: 'Impossible',
  PartitionConfig: 'Impossible',
  PartitionNodeLimit: 'Impossible',
  PartitionTimeLimit: 'Impossible',

  Dependency: 'Dependency',
  // It stays in the queue for ever, unless kill_invalid_depend is set.
  DependencyNeverSatisfied: 'Dependency',

  BeginTime: 'BeginTime',
  Licenses: 'Licence',

  // Not so many of an array at once; so many at once of a resource, a user, or in the queue.
  JobArrayTaskLimit: 'Limit',
  AssociationJobLimit: 'Limit',
  AssociationResourceLimit: 'Limit',
  AssociationTimeLimit: 'Limit',
  QOSJobLimit: 'Limit',
  QOSResourceLimit: 'Limit',
  QOSTimeLimit: 'Limit',
  MaxRequeueExceeded: 'Limit',
}

/** What a pending job with this reason waits for, null if only for nodes. A reason that is not known is no demand. */
export function blockedBy(reason: string): Blocked | null {
  if (Object.hasOwn(reasons, reason)) return reasons[reason] ?? null
  return 'Other'
}
