import type { QueueNode } from '../../../elastic/plan/demand.ts'
import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'
import { confinementPrefix } from './node-spec.ts'
import { malformed, numberOf, readRecords, requiredTextOf, textOf } from './xml.ts'

/**
 * After so long without a word a node does not answer, ms. Its daemon reports every 45 s if nobody said otherwise, and pbs_server goes
 * on showing a dead one as `free` until it looks, which may take ten minutes (node_check_rate).
 */
const silentAfterMs = 150_000

/** What begins the note of a node that is to go as soon as no job is on it. */
export const leavingNote = `${reasonPrefix} leaves`

/** A node, with what only the adapter has to tell apart. */
export interface TorqueNode extends QueueNode {
  readonly np: number
  readonly gpus: number
  /** All properties, also those that are no features. */
  readonly properties: readonly string[]
  /** The other nodes' daemons have not been told of it yet: its own daemon must not start. */
  readonly unannounced: boolean
  /** Its daemon has reported since pbs_server started or the node was made. */
  readonly reported: boolean
  readonly jobs: readonly string[]
  readonly note: string
}

const wanted: ReadonlySet<string> = new Set(['name', 'state', 'np', 'gpus', 'properties', 'jobs', 'status', 'note'])

/** All words that Torque 4 to 6 makes a node's state of. */
const stateWords: ReadonlySet<string> = new Set([
  'free',
  'busy',
  'offline',
  'down',
  'reserve',
  'job-exclusive',
  'job-sharing',
  'time-shared',
  'cluster',
  'unknown',
  'state-unknown',
  'MOM-list-not-sent',
])

/**
 * The nodes in what `pbsnodes -x` printed.
 * @throws CausewayError `MalformedOutput`
 */
export function parsePbsnodes(text: string, nowMs: number): TorqueNode[] {
  return Array.from(readRecords(text, 'Node', wanted), (fields): TorqueNode => {
    const name = requiredTextOf(fields, 'name', /^[A-Za-z0-9][A-Za-z0-9_.-]*$/)
    const words = textOf(fields, 'state').split(',')
    const unknown = words.find((word) => !stateWords.has(word))
    if (unknown !== undefined) throw malformed('state', `of ${name} is unknown: "${unknown.slice(0, 80)}"`)
    const state = new Set(words)
    const status = textOf(fields, 'status')
    const properties = textOf(fields, 'properties').split(',').filter(Boolean)
    const note = textOf(fields, 'note')
    const jobs = textOf(fields, 'jobs').split(',').filter(Boolean)
    const unannounced = state.has('MOM-list-not-sent')
    const lost = state.has('down') || state.has('state-unknown') || state.has('unknown')
    const reported = status !== ''
    const reportedAtMs = Number(/(?:^|,)rectime=(\d{1,12})(?:,|$)/.exec(status)?.[1] ?? 0) * 1000
    // pbs_server puts a new node offline by itself until the others know of it.
    const drained = state.has('offline') && !unannounced
    // A node that has never reported waits for its machine: that is not a breakdown.
    const down = lost && reported
    return {
      name,
      power: drained && note.startsWith(leavingNote) ? 'leaving' : 'present',
      responding: reported && !lost && !unannounced && nowMs - reportedAtMs < silentAfterMs,
      busy: jobs.length > 0,
      drained,
      down,
      reason: drained || down ? note : '',
      features: properties.filter((property) => !property.startsWith(confinementPrefix)),
      np: numberOf(fields, 'np') ?? 1,
      gpus: numberOf(fields, 'gpus') ?? 0,
      properties,
      unannounced,
      reported,
      jobs,
      note,
    }
  })
}

/** Whether the node's drain is Causeway's own. */
export function isOurs(node: TorqueNode): boolean {
  return node.drained && node.note.startsWith(reasonPrefix)
}
