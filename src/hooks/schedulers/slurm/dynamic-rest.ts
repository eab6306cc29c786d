import type { SlurmNode } from './sinfo.ts'
import type { SlurmJob } from './squeue.ts'

/*
 * slurmctld 22.05 deletes a node that it still has pointers to, and ends with a segmentation fault when it follows one: when a
 * job's EpilogSlurmctld ends after the job's node was deleted, when the next round of backfill looks at a node that it had
 * planned a job on, and at once when a suspended job is on the node. It refuses only for nodes that are allocated or
 * completing, or in a reservation. What was measured: docs/design/018-deleting-dynamic-nodes.md.
 */

/** After so long, what Slurm says of its plans is not waited for any more: 22.05 can show a node as planned for ever. */
const longestMs = 300_000

/** What has been seen of a drained node, ms since the epoch. */
export interface Rest {
  /** The first reading that showed the drain had ended. */
  readonly sinceMs: number
  /** Slurm was seen not to plan ahead, after that; null: not yet. What it plans from then on is not planned on this node. */
  readonly settledMs: number | null
}

/** All drained nodes, by name. */
export type Rests = ReadonlyMap<string, Rest>

/** A reading of the queue, as Slurm tells it. */
export interface SlurmQueue {
  readonly jobs: readonly SlurmJob[]
  readonly nodes: readonly SlurmNode[]
}

/**
 * What is known of drained nodes after a reading.
 * @param nodes all nodes of Slurm
 * @param nowMs when the reading had ended
 */
export function restsAfter(nodes: readonly SlurmNode[], before: Rests, nowMs: number): Rests {
  const drained = nodes.filter((node) => node.drained)
  return new Map(
    drained.map(({ name }) => {
      const { sinceMs = nowMs, settledMs = null } = before.get(name) ?? {}
      // A clock that was set back would otherwise let them wait for the time it had shown.
      return [name, { sinceMs: Math.min(sinceMs, nowMs), settledMs: settledMs && Math.min(settledMs, nowMs) }]
    }),
  )
}

/**
 * What is known after Slurm was seen not to plan ahead.
 * @param rests as they are now
 * @param asked as they were before that was asked: of drains that came later it says nothing
 * @param nowMs when it was answered
 */
export function settledAfter(rests: Rests, asked: Rests, nowMs: number): Rests {
  const settled = ([name, rest]: [string, Rest]): [string, Rest] => {
    const isSame = asked.get(name)?.sinceMs === rest.sinceMs
    return [name, isSame ? { ...rest, settledMs: rest.settledMs ?? nowMs } : rest]
  }
  return new Map([...rests].map(settled))
}

/** Whether Slurm is to be asked if it plans ahead, for one of these nodes to be deleted. */
export function isUnsettled(names: Iterable<string>, rests: Rests): boolean {
  for (const name of names) if (rests.get(name)?.settledMs === null) return true
  return false
}

/**
 * Those of these nodes that Slurm can delete without harm. They are drained, and were so before this reading began: jobs and
 * nodes are two readings, and a job that came and went between them must not have been there.
 * @param beganMs when the reading began
 */
export function deletable(names: Iterable<string>, queue: SlurmQueue, rests: Rests, beganMs: number): string[] {
  const asked = new Set(names)
  const held = new Set<string>()
  for (const { allocated } of queue.jobs) {
    if (allocated === null) return []
    for (const name of allocated) held.add(name)
  }
  const mayGo = (node: SlurmNode): boolean => {
    const rest = rests.get(node.name)
    if (!rest || !node.drained || node.busy || held.has(node.name)) return false
    if (beganMs - rest.sinceMs >= longestMs) return true
    return rest.settledMs !== null && rest.settledMs <= beganMs && !node.planned
  }
  return queue.nodes.filter((node) => asked.has(node.name) && mayGo(node)).map((node) => node.name)
}
