import type { Blocked, Job, QueueNode } from '../../../elastic/plan/demand.ts'
import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'
import type { Details } from './details.ts'
import { decodeText, holdMark, names, sitesMark } from './names.ts'
import type { QueueEntry, QueueInstance } from './qstat.ts'
import type { Wish } from './request.ts'
import { countTasks, splitTasks } from './tasks.ts'
import { malformed } from './xml.ts'

/** Why a node takes no jobs that is forgotten once nobody uses it. It outlives both our process and Grid Engine's. */
export const leavingReason = `${reasonPrefix} leaving`

/** What a job's entries are read with. */
export interface DemandContext {
  readonly nowMs: number
  /** The cluster queue of the nodes. */
  readonly queue: string
  readonly details: ReadonlyMap<number, Details>
  readonly wishOf: (entry: QueueEntry) => Wish
  /** Whether Grid Engine keeps jobs that ask for this parallel environment at one site. */
  readonly isConfined: (pe: string) => boolean
}

/**
 * The jobs in a reading. A job's id is as users and Grid Engine's commands write it: `12`, `12.3` for an element of an array, and
 * `12.5-9:2` or `12.5,7-9:1` for those that wait.
 */
export function jobsOf(entries: readonly QueueEntry[], context: DemandContext): Job[] {
  const running = new Map<string, { entry: QueueEntry; hosts: string[] }>()
  const pending: QueueEntry[] = []
  const runningTasks = new Map<number, number>()
  for (const entry of entries) {
    if (entry.host === null) {
      pending.push(entry)
      continue
    }
    const id = idOf(entry)
    const known = running.get(id)
    if (!known) {
      running.set(id, { entry, hosts: [entry.host] })
      runningTasks.set(entry.number, (runningTasks.get(entry.number) ?? 0) + 1)
    } else if (!known.hosts.includes(entry.host)) known.hosts.push(entry.host)
  }
  return [
    ...[...running.values()].map(({ entry, hosts }) => runningJob(entry, hosts, context)),
    ...pending.flatMap((entry) => pendingJobs(entry, runningTasks.get(entry.number) ?? 0, context)),
  ]
}

export function idOf({ number, tasks }: Pick<QueueEntry, 'number' | 'tasks'>): string {
  return tasks === '' ? String(number) : `${number}.${tasks}`
}

function runningJob(entry: QueueEntry, hosts: readonly string[], context: DemandContext): Job {
  const state = runningState(entry)
  return {
    ...common(entry, context),
    state,
    reason: '',
    blocked: null,
    nodes: hosts,
    count: 1,
    startedAtMs: state === 'starting' ? null : entry.startedAtMs,
  }
}

function runningState({ number, state }: QueueEntry): Job['state'] {
  if (!/^[hRrtsSTNPdE]+$/.test(state) || !/[rtsSTNP]/.test(state))
    throw malformed(`job ${number}`, `has the state "${state}"`)
  if (state.includes('d')) return 'completing'
  if (/[sSTNP]/.test(state)) return 'other'
  return state.includes('t') ? 'starting' : 'running'
}

/** What `qstat -s z` says of jobs that have ended. */
const endedEntry = { state: 'ended', reason: '', blocked: null, nodes: [], startedAtMs: null } as const

/** The entry of those that wait; two for an array of which only so many elements may run at once, and others could. */
function pendingJobs(entry: QueueEntry, running: number, context: DemandContext): Job[] {
  const { number, state, tasks } = entry
  if (state === 'z') return [{ ...common(entry, context), ...endedEntry, count: tasks === '' ? 1 : countTasks(tasks) }]
  if (!/^[hRqwEdT]+$/.test(state) || !/[qwdE]/.test(state)) throw malformed(`job ${number}`, `has the state "${state}"`)
  const whole = { ...common(entry, context), state: 'pending' as const, nodes: [], startedAtMs: null }
  const blocked = blockedOf(entry, context)
  const reason = reasonOf(entry, blocked !== null, context)
  const concurrency = context.details.get(number)?.concurrency ?? null
  if (blocked !== null || tasks === '' || concurrency === null) {
    return [{ ...whole, reason, blocked, count: tasks === '' ? 1 : countTasks(tasks) }]
  }
  const [now, later] = splitTasks(tasks, Math.max(0, concurrency - running))
  const part = (some: string, why: Blocked | null): Job[] =>
    some === '' ? [] : [{ ...whole, id: idOf({ number, tasks: some }), reason, blocked: why, count: countTasks(some) }]
  return [...part(now, null), ...part(later, 'Limit')]
}

/** Grid Engine says why with letters only; of a job that could run nothing before it has looked at it. */
function reasonOf(entry: QueueEntry, blocked: boolean, context: DemandContext): string {
  const { state, ranked, number } = entry
  const error = context.details.get(number)?.error ?? ''
  if (state.includes('E')) return error === '' ? state : `${state}: ${error.slice(0, 200)}`
  const elsewhere = context.wishOf(entry).elsewhere
  if (elsewhere !== '') return elsewhere
  return ranked || blocked ? state : ''
}

function blockedOf(entry: QueueEntry, context: DemandContext): Blocked | null {
  const details = context.details.get(entry.number)
  // Its first try to start failed; it waits until somebody clears that (qmod -cj).
  if (entry.state.includes('E')) return 'Impossible'
  if (entry.state.includes('d')) return 'Other'
  if (entry.state.includes('h')) {
    if (details?.context.has(holdMark)) return 'HeldByCauseway'
    return entry.predecessors.length > 0 ? 'Dependency' : 'Held'
  }
  if (details?.beginAtMs && details.beginAtMs > context.nowMs) return 'BeginTime'
  if (details?.inReservation || context.wishOf(entry).elsewhere !== '') return 'Other'
  return null
}

function common(entry: QueueEntry, context: DemandContext) {
  const details = context.details.get(entry.number)
  const wish = context.wishOf(entry)
  const anySite = details?.context.get(sitesMark) === 'any' || (entry.pe !== '' && !context.isConfined(entry.pe))
  const account = details?.account ?? ''
  return {
    id: idOf(entry),
    name: entry.name,
    user: entry.user,
    account: details?.project || (account === 'sge' ? '' : account),
    partition: context.queue,
    nodeCount: wish.nodeCount,
    ...(wish.slots === null ? {} : { slots: wish.slots }),
    perNode: wish.perNode,
    tasksPerNode: null,
    exclusive: wish.exclusive,
    wallMs: wish.wallMs,
    features: wish.features,
    dependency: entry.predecessors.join(','),
    beginAtMs: details?.beginAtMs ?? null,
    licences: wish.licences,
    ...(anySite ? { anySite: true } : {}),
    submittedAtMs: details?.submittedAtMs ?? entry.submittedAtMs ?? entry.startedAtMs ?? 0,
    endedAtMs: null,
  }
}

/** The nodes in a reading: the hosts of the queue, and of other queues those that are in none of ours. */
export function nodesOf(
  instances: readonly QueueInstance[],
  entries: readonly QueueEntry[],
  queue: string,
): QueueNode[] {
  const busy = new Set(entries.flatMap((entry) => entry.host ?? []))
  const ours = new Map<string, QueueInstance>()
  for (const instance of instances) {
    if (instance.slots === 0 && !busy.has(instance.host)) continue
    if (instance.queue === queue || !ours.has(instance.host)) ours.set(instance.host, instance)
  }
  return [...ours.values()].map(({ host, states, values }) => {
    const drained = /[dDsSC]/.test(states)
    const features = values.get(names.features) ?? ''
    const reason = drained ? decodeText(values.get(names.drainReason) ?? '') : ''
    return {
      name: host,
      power: drained && reason === leavingReason ? 'leaving' : 'present',
      responding: !states.includes('u'),
      busy: busy.has(host),
      drained,
      down: /[Eco]/.test(states),
      reason,
      features: features === '' ? [] : features.split('+'),
    }
  })
}

/** Whether a text is ours. */
export function isOurs(reason: string): boolean {
  return reason.startsWith(reasonPrefix)
}
