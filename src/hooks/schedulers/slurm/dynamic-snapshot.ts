import type { Job, QueueNode, QueueSnapshot } from '../../../elastic/plan/demand.ts'
import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'
import { isPlaceholder } from './dynamic-placeholders.ts'

/** The reason of a drained node that is to be forgotten as soon as its job has ended. */
export const leavingReason = `${reasonPrefix} to be deleted when its job has ended`

export function isLeaving(node: QueueNode): boolean {
  return node.drained && node.reason === leavingReason
}

/** Nodes that were to be forgotten when their jobs end, and whose jobs have. */
export function forgettable(nodes: readonly QueueNode[]): string[] {
  return nodes.filter((node) => isLeaving(node) && !node.busy).map((node) => node.name)
}

/** How Slurm says that it has too few nodes of the kind that a job asks for, whether up or down. */
const tooFew: ReadonlySet<string> = new Set(['PartitionConfig', 'PartitionNodeLimit', 'BadConstraints'])

/**
 * What Slurm's own reading means where nodes are made for jobs.
 * @param complete whether Slurm had been told of all nodes that can be made when it said why jobs wait. If not, it calls jobs
 *   impossible that are not.
 */
export function dynamicSnapshot(queue: QueueSnapshot, complete: boolean): QueueSnapshot {
  return {
    jobs: complete ? queue.jobs : queue.jobs.map(withoutVerdict),
    nodes: queue.nodes
      .filter((node) => !isPlaceholder(node))
      .map((node) => (isLeaving(node) ? { ...node, power: 'leaving' } : node)),
  }
}

function withoutVerdict(job: Job): Job {
  return job.blocked === 'Impossible' && tooFew.has(job.reason) ? { ...job, blocked: null } : job
}
