import type { QueueNode } from '../../../elastic/plan/demand.ts'
import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'
import { type Fields, malformed, numberOf, readList, requiredTextOf, textOf, wordsOf } from './json.ts'

/** A node, with what only the adapter has to tell apart. */
export interface SlurmNode extends QueueNode {
  /** Slurm will call SuspendProgram as soon as no job holds the node; until then a drain is forgotten when it does. */
  readonly powerDownPending: boolean
  /** Slurm has planned a waiting job on it, since it last looked at what can be planned ahead. */
  readonly planned: boolean
  /** It was made while slurmctld ran; slurm.conf does not name it, or did not when it was made. */
  readonly dynamic: boolean
  /** Some partition takes it: jobs can be placed on it. */
  readonly inPartition: boolean
  /** Lower is preferred. Null, as the next two: Slurm did not say. */
  readonly weight: number | null
  readonly cpus: number | null
  readonly memoryMiB: number | null
}

/**
 * The nodes in what `sinfo --json` printed, those without a machine included (`PrivateData=cloud` makes Slurm show them).
 * @throws CausewayError `MalformedOutput`, `SchedulerUnreachable`
 */
export function parseSinfo(text: string): SlurmNode[] {
  return readList(text, 'nodes').map(parseNode)
}

/** Whether the node's drain or down is Causeway's own. */
export function isOurs(node: QueueNode): boolean {
  return (node.drained || node.down) && node.reason.startsWith(reasonPrefix)
}

const baseStates: ReadonlySet<string> = new Set(['ALLOCATED', 'DOWN', 'ERROR', 'FUTURE', 'IDLE', 'MIXED', 'UNKNOWN'])

/** 22.05 gives base state and flags apart, later versions in one list. */
function parseNode(fields: Fields): SlurmNode {
  const words = [...wordsOf(fields, 'state'), ...wordsOf(fields, 'state_flags')]
  const flags = new Set(words)
  const base = words.find((word) => baseStates.has(word))
  if (base === undefined) throw malformed('state', `is unknown: "${words.join(',')}"`)
  const allocated = base === 'ALLOCATED' || base === 'MIXED'
  const power = powerOf(flags, allocated)
  const drained = flags.has('DRAIN') || flags.has('FAIL')
  const down = base === 'DOWN' || base === 'ERROR'
  return {
    name: requiredTextOf(fields, 'name'),
    power,
    responding: base !== 'UNKNOWN' && !flags.has('POWERED_DOWN') && !flags.has('NOT_RESPONDING'),
    busy: allocated || flags.has('COMPLETING'),
    drained,
    down,
    // Slurm keeps the text after the drain it was for has gone.
    reason: drained || down ? textOf(fields, 'reason') : '',
    features: textOf(fields, 'features')
      .split(',')
      .filter((feature) => feature !== ''),
    powerDownPending: flags.has('POWER_DOWN'),
    planned: flags.has('PLANNED'),
    dynamic: flags.has('DYNAMIC_NORM'),
    inPartition: fields['partitions'] === undefined || wordsOf(fields, 'partitions').length > 0,
    weight: numberOf(fields, 'weight'),
    cpus: numberOf(fields, 'cpus'),
    memoryMiB: numberOf(fields, 'real_memory'),
  }
}

function powerOf(flags: ReadonlySet<string>, allocated: boolean): QueueNode['power'] {
  if (flags.has('POWER_DOWN') || flags.has('POWERING_DOWN')) return 'leaving'
  if (flags.has('POWERING_UP')) return 'wanted'
  // Chosen for a job, or asked for, less than a power save interval ago: ResumeProgram is about to be called.
  if (flags.has('POWERED_DOWN')) return allocated || flags.has('POWER_UP') ? 'wanted' : 'absent'
  return 'present'
}
