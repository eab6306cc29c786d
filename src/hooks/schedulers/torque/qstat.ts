import { setImmediate } from 'node:timers/promises'
import type { Blocked, Job } from '../../../elastic/plan/demand.ts'
import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'
import { confinedSite, featuresOf, type NodeGroup, parseNodeSpec } from './node-spec.ts'
import { durationMs } from './quantities.ts'
import { requestOf } from './size.ts'
import { type Fields, malformed, numberOf, readRecords, requiredTextOf, textOf, timeOf } from './xml.ts'

/** A job, with what only the adapter has to tell apart. */
export interface TorqueJob extends Job {
  /** The value of `-l nodes=`, '' if it has none. */
  readonly nodeSpec: string
  /** The letters of its holds in Torque's order, '' for none: `u`ser, `o`ther, `s`ystem, array's s`l`ot limit. */
  readonly holds: string
  readonly comment: string
  /** `qrerun` brings it back to the queue. */
  readonly rerunnable: boolean
}

const wanted: ReadonlySet<string> = new Set([
  'Account_Name',
  'Execution_Time',
  'Hold_Types',
  'Job_Id',
  'Job_Name',
  'Job_Owner',
  'Rerunable',
  'Variable_List',
  'comment',
  'comp_time',
  'ctime',
  'depend',
  'euser',
  'exec_host',
  'job_array_request',
  'job_state',
  'mtime',
  'node_exclusive',
  'qtime',
  'queue',
  'start_time',
  'substate',
  'x',
  ...[
    'gpus',
    'gres',
    'mem',
    'naccesspolicy',
    'ncpus',
    'nodes',
    'pmem',
    'procs',
    'pvmem',
    'software',
    'vmem',
    'walltime',
  ].map((name) => `Resource_List.${name}`),
])

/** About 10 ms of work. */
const jobsAtATime = 250

/**
 * The jobs in what `qstat -x -t` printed, ended ones that Torque still remembers (keep_completed) included. Without any job it
 * prints nothing at all: whether that is so is for the caller to find out.
 * @param nowMs for telling a begin time that is yet to come
 * @throws CausewayError `MalformedOutput`
 */
export async function parseQstat(text: string, nowMs: number): Promise<TorqueJob[]> {
  const jobs: TorqueJob[] = []
  const heads: Fields[] = []
  const arrays = new Set<string>()
  let read = 0
  for (const fields of readRecords(text, 'Job', wanted)) {
    // Hooks and the API are answered in between.
    if (++read % jobsAtATime === 0) await setImmediate()
    const id = idOf(fields)
    if (id.endsWith('[]')) {
      heads.push(fields)
      continue
    }
    const bracket = id.indexOf('[')
    if (bracket > 0) arrays.add(id.slice(0, bracket))
    jobs.push(parseJob(fields, id, 1, nowMs))
  }
  // An array stands for its elements only where they are not listed.
  for (const fields of heads) {
    const id = idOf(fields)
    if (arrays.has(id.slice(0, -2))) continue
    jobs.push(parseJob(fields, id, countElements(textOf(fields, 'job_array_request')), nowMs))
  }
  return jobs
}

/** What each of Torque's job states is to us. */
const states: ReadonlyMap<string, Job['state']> = new Map([
  ['Q', 'pending'],
  ['H', 'pending'],
  ['W', 'pending'],
  // On its way from one queue to another.
  ['T', 'pending'],
  ['R', 'running'],
  ['E', 'completing'],
  ['C', 'ended'],
  ['S', 'other'],
])

/** JOB_SUBSTATE_PRERUN, STARTING: the job is being sent to its first node, which may still refuse it. */
const startingSubstates: ReadonlySet<number> = new Set([40, 41])

function parseJob(fields: Fields, id: string, count: number, nowMs: number): TorqueJob {
  const letter = textOf(fields, 'job_state')
  let state = states.get(letter)
  if (state === undefined) throw malformed('job_state', `is unknown: "${letter.slice(0, 80)}"`)
  if (state === 'running' && startingSubstates.has(numberOf(fields, 'substate') ?? 0)) state = 'starting'
  const pending = state === 'pending'
  const nodeSpec = textOf(fields, 'Resource_List.nodes')
  const groups = nodeSpec === '' ? [] : parseNodeSpec(nodeSpec)
  const holds = holdsOf(fields)
  const beginMs = timeOf(fields, 'Execution_Time')
  const beginAtMs = pending && beginMs !== null && beginMs > nowMs ? beginMs : null
  const depend = pending && holds.includes('s') ? dependencyOf(fields) : ''
  const comment = textOf(fields, 'comment')
  const confinedTo = confinedSite(groups)
  return {
    id,
    name: textOf(fields, 'Job_Name'),
    user: userOf(fields),
    account: textOf(fields, 'Account_Name'),
    partition: textOf(fields, 'queue'),
    state,
    reason: pending ? reasonOf(comment) : '',
    blocked: pending ? (blockedOf(letter, holds, depend, beginAtMs) ?? impossible(comment)) : null,
    ...requestOf(fields, groups),
    tasksPerNode: uniformPpn(groups),
    exclusive: isExclusive(fields),
    wallMs: durationMs(textOf(fields, 'Resource_List.walltime'), 'walltime'),
    features: featuresOf(groups),
    dependency: depend,
    beginAtMs,
    licences: textOf(fields, 'Resource_List.gres') || textOf(fields, 'Resource_List.software'),
    ...(/(^|,)CAUSEWAY_ANY_SITE=1(,|$)/.test(textOf(fields, 'Variable_List')) ? { anySite: true } : {}),
    ...(confinedTo === undefined ? {} : { confinedTo }),
    nodes: pending ? [] : hostsOf(textOf(fields, 'exec_host')),
    count,
    submittedAtMs: submittedAt(fields),
    startedAtMs: pending || state === 'starting' ? null : timeOf(fields, 'start_time'),
    endedAtMs: state === 'ended' ? (timeOf(fields, 'comp_time') ?? timeOf(fields, 'mtime')) : null,
    nodeSpec,
    holds,
    comment,
    rerunnable: textOf(fields, 'Rerunable') !== 'False',
  }
}

/** As users write it, without the server's name: `12`, `4[3]`, and `4[]` for an array as a whole; `4-3` is how old versions write it. */
function idOf(fields: Fields): string {
  const id = requiredTextOf(fields, 'Job_Id', /^\d+(\[\d*\]|-\d+)?(\.[A-Za-z0-9_.-]+)?(:\d+)?$/)
  const dot = id.indexOf('.')
  return dot < 0 ? id : id.slice(0, dot)
}

/** How many elements `1-6%2` or `1,5,7-9` has. */
function countElements(request: string): number {
  const [list = ''] = request.split('%')
  const count = list.split(',').reduce((sum, item) => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(item)
    if (!match) throw malformed('job_array_request', `is "${request.slice(0, 80)}"`)
    return sum + Math.max(0, Number(match[2] ?? match[1]) - Number(match[1])) + 1
  }, 0)
  return Math.max(1, count)
}

function userOf(fields: Fields): string {
  const [owner = ''] = textOf(fields, 'Job_Owner').split('@')
  return textOf(fields, 'euser') || owner
}

function holdsOf(fields: Fields): string {
  const text = textOf(fields, 'Hold_Types')
  if (text === '' || text === 'n') return ''
  if (!/^[uosl]+$/.test(text)) throw malformed('Hold_Types', `is unknown: "${text.slice(0, 80)}"`)
  return text
}

/** Dependencies that keep this job back; `before...` are the other ends of those of other jobs. */
function dependencyOf(fields: Fields): string {
  return textOf(fields, 'depend')
    .split(',')
    .filter((part) => part !== '' && !part.startsWith('before'))
    .join(',')
}

/**
 * Whether a hold is Causeway's: `o` and `s` without `u`. Users can set neither; an admin's own hold is one of them, and
 * Torque's for a dependency is `s`. So the mark comes and goes with the hold, in one step.
 */
export function isHeldByUs(holds: string): boolean {
  return holds.includes('o') && holds.includes('s') && !holds.includes('u')
}

function blockedOf(letter: string, holds: string, depend: string, beginAtMs: number | null): Blocked | null {
  if (isHeldByUs(holds)) return 'HeldByCauseway'
  if (/[uo]/.test(holds)) return 'Held'
  if (holds.includes('s')) return depend === '' ? 'Held' : 'Dependency'
  if (holds.includes('l')) return 'Limit'
  if (beginAtMs !== null || letter === 'W') return 'BeginTime'
  if (letter === 'H') return 'Held'
  return letter === 'T' ? 'Other' : null
}

/** pbs_sched can not place what it does not know: `-l procs=`, which only Maui and Moab do. Nodes would be made in vain. */
function impossible(comment: string): Blocked | null {
  return comment.startsWith('Not Running - PBS Error: Unknown node-attribute') ? 'Impossible' : null
}

/** Schedulers say in the comment why a job waits; it is also where they say that it has started, and where we explain. */
function reasonOf(comment: string): string {
  if (comment.startsWith(reasonPrefix) || comment.startsWith('Job started')) return ''
  return comment.replace(/^Not Running(: | - )/, '')
}

function uniformPpn(groups: readonly NodeGroup[]): number | null {
  const counts = new Set(groups.map((group) => group.ppn))
  const [only] = counts
  return counts.size === 1 && only !== undefined ? only : null
}

/** `-n`, or an access policy that lets nobody else's jobs on the node. */
function isExclusive(fields: Fields): boolean {
  const policy = `${textOf(fields, 'x')};${textOf(fields, 'Resource_List.naccesspolicy')}`
  return textOf(fields, 'node_exclusive') === 'True' || /single(job|task|user)/i.test(policy)
}

/** `t3/0-1+t2/0-1`, or from old versions `t3/1+t3/0+t2/1+t2/0`: each host once, in order. */
function hostsOf(text: string): string[] {
  if (text === '') return []
  const hosts = text.split('+').map((part) => {
    const match = /^([A-Za-z0-9][A-Za-z0-9_.-]*)(\/[\d,-]+)?$/.exec(part)
    if (!match?.[1]) throw malformed('exec_host', `is "${text.slice(0, 80)}"`)
    return match[1]
  })
  return [...new Set(hosts)]
}

function submittedAt(fields: Fields): number {
  const atMs = timeOf(fields, 'ctime') ?? timeOf(fields, 'qtime')
  if (atMs === null) throw malformed('ctime', 'is missing')
  return atMs
}
