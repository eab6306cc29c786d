import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'
import { compressHostlist } from '../../hostlist.ts'
import { isOurs, type SlurmNode } from './sinfo.ts'

/**
 * One `scontrol update` for some nodes. The states are those of docs/design/003-slurm-states.md:
 * `idle` lifts drain and down at once, of nodes that no job holds; `undrain` does it for busy ones, which then count as not
 * responding until the next ping; `power_down` waits for running jobs, `power_down_force` kills them.
 */
export interface NodeUpdate {
  readonly state: 'drain' | 'down' | 'idle' | 'undrain' | 'power_up' | 'power_down' | 'power_down_force'
  readonly names: readonly string[]
  /** Given with `drain` and `down`. */
  readonly reason?: string
}

/** The argument vector for one update, whatever the number of nodes. */
export function nodeUpdateArgv(update: NodeUpdate): string[] {
  const argv = ['scontrol', 'update', `nodename=${compressHostlist(update.names)}`, `state=${update.state}`]
  return update.reason === undefined ? argv : [...argv, `reason=${update.reason}`]
}

/** The text for a drain as Slurm keeps it: one line, our prefix, no quotes (scontrol strips them), at most 200 characters. */
export function reasonText(reason: string): string {
  const line = reason
    .replaceAll('"', "'")
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
  return (line.startsWith(reasonPrefix) ? line : `${reasonPrefix} ${line}`).slice(0, 200)
}

export function updatesForPowerUp(nodes: readonly SlurmNode[]): NodeUpdate[] {
  return batch(
    'power_up',
    nodes.filter((node) => node.power === 'absent' && !node.drained && !node.down),
  )
}

/** To drain a node that powers up would throw the job that waits for it back into the queue: it is left alone. */
export function updatesForDrain(nodes: readonly SlurmNode[], reason: string): NodeUpdate[] {
  return batch(
    'drain',
    nodes.filter((node) => !node.drained && !(node.power === 'wanted' && node.busy)),
    reason,
  )
}

export function updatesForCancelDrain(nodes: readonly SlurmNode[]): NodeUpdate[] {
  const ours = nodes.filter((node) => node.drained && isOurs(node))
  const resting = (node: SlurmNode) => !node.busy && !node.down && (node.responding || node.power === 'absent')
  return [
    ...batch('idle', ours.filter(resting)),
    ...batch(
      'undrain',
      ours.filter((node) => !resting(node)),
    ),
  ]
}

/** Only nodes without a machine: a drain would throw the jobs off one that powers up. */
export function updatesForClose(nodes: readonly SlurmNode[], reason: string): NodeUpdate[] {
  return batch(
    'drain',
    nodes.filter((node) => node.power === 'absent' && !node.drained),
    reason,
  )
}

/** A node that is down but not absent is what a `fail` that was cut off has left: it is powered down, which makes it idle. */
export function updatesForReopen(nodes: readonly SlurmNode[]): NodeUpdate[] {
  const ours = nodes.filter((node) => isOurs(node) && !node.busy)
  const halfFailed = (node: SlurmNode) => node.down && node.power !== 'absent'
  return [
    ...batch(
      'idle',
      ours.filter((node) => !halfFailed(node)),
    ),
    ...batch('power_down_force', ours.filter(halfFailed)),
  ]
}

/** A busy node is asked to go when its jobs have ended; one that powers up for nobody goes at once. */
export function updatesForPowerDown(nodes: readonly SlurmNode[]): NodeUpdate[] {
  const here = nodes.filter((node) => node.power === 'present' || node.power === 'wanted')
  const forNobody = (node: SlurmNode) => node.power === 'wanted' && !node.busy
  return [
    ...batch(
      'power_down',
      here.filter((node) => !forNobody(node)),
    ),
    ...batch('power_down_force', here.filter(forNobody)),
    ...batch(
      'idle',
      nodes.filter((node) => node.power === 'absent' && !node.busy && isOurs(node)),
    ),
  ]
}

function batch(state: NodeUpdate['state'], nodes: readonly SlurmNode[], reason?: string): NodeUpdate[] {
  if (nodes.length === 0) return []
  const names = nodes.map((node) => node.name)
  return [reason === undefined ? { state, names } : { state, names, reason: reasonText(reason) }]
}
