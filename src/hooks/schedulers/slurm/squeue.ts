import type { Blocked, Job } from '../../../elastic/plan/demand.ts'
import { expandHostlist } from '../../hostlist.ts'
import { parseAdminComment } from './admin-comment.ts'
import { type Fields, isFields, malformed, numberOf, readList, requiredNumberOf, textOf, wordsOf } from './json.ts'
import { blockedBy } from './reasons.ts'
import { sizePerNode, tasksPerNode } from './size.ts'

/** A job, with what only the adapter has to tell apart. */
export interface SlurmJob extends Job {
  readonly adminComment: string
  /** Causeway has held it, and nobody has let it go since; true of a running job that began while it was being held. */
  readonly heldByUs: boolean
  /**
   * All nodes that Slurm has given it and still thinks of, those included that are free again while it completes; a suspended
   * job's too. None of a job that waits or has ended. Null: Slurm does not say.
   */
  readonly allocated: readonly string[] | null
}

/**
 * The jobs in what `squeue --json` printed, ended ones that Slurm still remembers (MinJobAge) included.
 * @param nowMs for telling a begin time that is yet to come
 * @throws CausewayError `MalformedOutput`, `SchedulerUnreachable`
 */
export function parseSqueue(text: string, nowMs: number): SlurmJob[] {
  return readList(text, 'jobs').map((fields) => parseJob(fields, nowMs))
}

/** What each of Slurm's job states is to us; flags that say nothing about nodes are left out. */
const states: Readonly<Record<string, Job['state']>> = {
  PENDING: 'pending',
  REQUEUED: 'pending',
  REQUEUE_HOLD: 'pending',
  REQUEUE_FED: 'pending',
  RESV_DEL_HOLD: 'pending',
  SPECIAL_EXIT: 'pending',
  CONFIGURING: 'starting',
  POWER_UP_NODE: 'starting',
  RUNNING: 'running',
  COMPLETING: 'completing',
  SUSPENDED: 'other',
  STOPPED: 'other',
  SIGNALING: 'other',
  RESIZING: 'other',
  STAGE_OUT: 'other',
  BOOT_FAIL: 'ended',
  CANCELLED: 'ended',
  COMPLETED: 'ended',
  DEADLINE: 'ended',
  FAILED: 'ended',
  LAUNCH_FAILED: 'ended',
  NODE_FAIL: 'ended',
  OUT_OF_MEMORY: 'ended',
  PREEMPTED: 'ended',
  REVOKED: 'ended',
  TIMEOUT: 'ended',
}

/** Where several words come together (`RUNNING`, `CONFIGURING`), the first of these that is among them counts. */
const precedence: readonly Job['state'][] = ['completing', 'starting', 'other', 'pending', 'running', 'ended']

function parseJob(fields: Fields, nowMs: number): SlurmJob {
  const state = stateOf(fields)
  const nodes = state === 'pending' ? [] : nodesOf(fields)
  const startedAtMs = timeOf(fields, 'start_time')
  const reason = textOf(fields, 'state_reason')
  const dependency = textOf(fields, 'dependency')
  const eligibleAtMs = timeOf(fields, 'eligible_time') ?? 0
  const beginAtMs = state === 'pending' && eligibleAtMs > nowMs ? eligibleAtMs : null
  const nodeCount = Math.max(1, numberOf(fields, 'node_count') ?? 1)
  const adminComment = textOf(fields, 'admin_comment')
  const held = numberOf(fields, 'priority') === 0
  // An admin who makes it a user's hold (`scontrol uhold`) has taken it over.
  const heldByUs = held && parseAdminComment(adminComment).hold !== null && reason !== 'JobHeldUser'
  return {
    ...identityOf(fields),
    name: textOf(fields, 'name'),
    user: textOf(fields, 'user_name'),
    account: textOf(fields, 'account'),
    partition: textOf(fields, 'partition'),
    state,
    reason: reason === 'None' ? '' : reason,
    blocked: state === 'pending' ? blockedOf(reason, dependency, held, heldByUs, beginAtMs) : null,
    nodeCount,
    perNode: sizePerNode(fields, nodeCount),
    tasksPerNode: tasksPerNode(fields),
    exclusive: wordsOf(fields, 'shared').some((word) => exclusiveWords.has(word)),
    wallMs: wallOf(fields),
    dependency,
    beginAtMs,
    licences: textOf(fields, 'licenses'),
    ...(anySite.test(textOf(fields, 'comment')) ? { anySite: true } : {}),
    features: textOf(fields, 'features'),
    nodes,
    adminComment,
    heldByUs,
    allocated: allocatedOf(fields, state, nodes),
    submittedAtMs: requiredNumberOf(fields, 'submit_time') * 1000,
    // A pending or starting job has an estimate here, a job cancelled before its start the time of that.
    startedAtMs: state === 'pending' || state === 'starting' || nodes.length === 0 ? null : startedAtMs,
    endedAtMs: state === 'ended' ? timeOf(fields, 'end_time') : null,
  }
}

/** The word by which users opt out of one site for all nodes, in their own comment; scripts/slurm/job_submit.lua knows it too. */
const anySite = /(?<![\w-])any-site(?![\w-])/

function blockedOf(
  reason: string,
  dependency: string,
  held: boolean,
  heldByUs: boolean,
  beginAtMs: number | null,
): Blocked | null {
  if (heldByUs) return 'HeldByCauseway'
  const told = blockedBy(reason)
  if (told !== null) return told
  // Slurm may not have looked at the job since it came or was changed, and tell no reason or that of before.
  if (held) return 'Held'
  if (dependency.includes('(unfulfilled)')) return 'Dependency'
  return beginAtMs === null ? null : 'BeginTime'
}

/** `--exclusive`; nodes kept for one user or MCS label take nobody else's jobs either. */
const exclusiveWords: ReadonlySet<string> = new Set(['NONE', 'USER', 'MCS'])

/** What Slurm writes, in minutes, where a partition has no limit: a year. */
const unlimitedMinutes = 365 * 24 * 60

function wallOf(fields: Fields): number | null {
  const minutes = numberOf(fields, 'time_limit')
  return minutes === null || minutes >= unlimitedMinutes ? null : minutes * 60_000
}

function stateOf(fields: Fields): Job['state'] {
  const words = wordsOf(fields, 'job_state')
  const found = new Set(words.flatMap((word) => states[word] ?? []))
  const state = precedence.find((candidate) => found.has(candidate))
  if (state === undefined) throw malformed('job_state', `is unknown: "${words.join(',')}"`)
  return state
}

function nodesOf(fields: Fields): string[] {
  return expanded(textOf(fields, 'nodes'), 'nodes')
}

/** While a job completes, `nodes` has only those that are not free again; `job_resources` keeps all. */
function allocatedOf(fields: Fields, state: Job['state'], nodes: readonly string[]): readonly string[] | null {
  if (state === 'pending' || state === 'ended') return []
  const resources = fields['job_resources']
  const kept = isFields(resources) ? expanded(listOf(resources), 'job_resources') : []
  if (kept.length === 0 && (state === 'completing' || nodes.length === 0)) return null
  return [...new Set([...nodes, ...kept])]
}

/** The nodes of `job_resources`: a hostlist in 22.05, an object with one in later versions. */
function listOf(resources: Fields): string {
  const { nodes } = resources
  return isFields(nodes) ? textOf(nodes, 'list') : textOf(resources, 'nodes')
}

function expanded(text: string, name: string): string[] {
  try {
    return expandHostlist(text)
  } catch (cause) {
    throw malformed(name, `is "${text.slice(0, 80)}"`, cause)
  }
}

/**
 * As users and Slurm's commands call it: `12`, `12_3`, `12_[3-9]` or, for a part of a heterogeneous job, `12+1`. The bare
 * number will not do: an array's last element has that of the whole array.
 */
function identityOf(fields: Fields): { id: string; count: number } {
  const array = numberOf(fields, 'array_job_id') ?? 0
  const task = numberOf(fields, 'array_task_id')
  const heterogeneous = numberOf(fields, 'het_job_id') ?? 0
  if (array > 0 && task !== null) return { id: `${array}_${task}`, count: 1 }
  // An array that was cancelled as a whole names no elements.
  const tasks = textOf(fields, 'array_task_string').replace(/%\d+$/, '')
  if (array > 0 && tasks !== '') {
    return { id: `${array}_[${tasks}]`, count: countTasks(tasks) }
  }
  if (heterogeneous > 0) return { id: `${heterogeneous}+${numberOf(fields, 'het_job_offset') ?? 0}`, count: 1 }
  return { id: String(requiredNumberOf(fields, 'job_id')), count: 1 }
}

/** How many elements `1-3,7,10-20:5` has; for a list that Slurm has cut short with `...`, those that it shows. */
function countTasks(tasks: string): number {
  let count = 0
  for (const item of tasks.split(',')) {
    if (item === '...') continue
    const match = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(item)
    const first = Number(match?.[1])
    const last = Number(match?.[2] ?? first)
    const step = Number(match?.[3] ?? 1)
    if (!match || last < first || step < 1) throw malformed('array_task_string', `is "${tasks.slice(0, 80)}"`)
    count += Math.floor((last - first) / step) + 1
  }
  return Math.max(1, count)
}

/** Slurm counts in seconds and writes 0 for never. */
function timeOf(fields: Fields, name: string): number | null {
  const seconds = numberOf(fields, name)
  return seconds === null || seconds === 0 ? null : seconds * 1000
}
