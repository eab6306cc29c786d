import { attributeOf, malformed, walkXml, wholeOf } from './xml.ts'

/** A host in a cluster queue, as `qstat -f` has it. */
export interface QueueInstance {
  readonly queue: string
  readonly host: string
  /** Letters of qstat(1), '' for none: `a` `A` alarm, `u` unheard of, `d` disabled, ... */
  readonly states: string
  /** How many it offers; none: it is there for other reasons than to run jobs. */
  readonly slots: number
  /** The host's values of the complexes that were asked for. */
  readonly values: ReadonlyMap<string, string>
}

/** A job, or a part of an array, in one queue instance or in the list of those that wait. */
export interface QueueEntry {
  readonly number: number
  /** Ids of elements (`3`, `3-9:2`, `3,5-7:1`), '' for a job that is no array. */
  readonly tasks: string
  readonly name: string
  readonly user: string
  /** Letters of qstat(1): `qw`, `hqw`, `Eqw`, `r`, `t`, `dr`, `s`, `Rr`, ... */
  readonly state: string
  /** Whether the scheduler has looked at it and would start it. */
  readonly ranked: boolean
  readonly submittedAtMs: number | null
  readonly startedAtMs: number | null
  /** Slots: those that it has in this instance, or the fewest that it waits for. */
  readonly slots: number
  /** The parallel environment that it asks for and how many slots, '' if none. */
  readonly pe: string
  readonly range: string
  /** What it asks of hosts: name of a complex and value. */
  readonly hard: readonly (readonly [name: string, value: string])[]
  /** The queues that it has to run in; none: in any. */
  readonly queues: readonly string[]
  /** Ids of jobs that have to end first, as far as they have not. */
  readonly predecessors: readonly string[]
  /** The host on which it holds slots; null while it waits. */
  readonly host: string | null
}

export interface Qstat {
  readonly instances: readonly QueueInstance[]
  readonly entries: readonly QueueEntry[]
}

type Draft = { -readonly [key in keyof QueueEntry]: QueueEntry[key] } & {
  hard: (readonly [string, string])[]
  queues: string[]
  predecessors: string[]
}

/**
 * Reads `qstat -f -r -F COMPLEXES -xml`, with times in UTC; without `-f` it reads jobs that wait only.
 * @throws CausewayError `MalformedOutput`
 */
export function parseQstat(text: string): Qstat {
  const instances: QueueInstance[] = []
  const entries: QueueEntry[] = []
  let instance: InstanceDraft | null = null
  let entry: Draft | null = null
  // The outermost element has the name of one of its two parts.
  let depth = 0
  const parts = new Set<string>()
  walkXml(text, ['job_info'], {
    open(name) {
      depth++
      if (name === 'Queue-List') instance = { name: '', states: '', slots: 0, values: new Map() }
      else if (name === 'job_list') entry = newEntry()
      else if (depth === 2) parts.add(name)
    },
    leaf(name, value, attributes) {
      if (entry) readField(entry, name, value, attributes)
      else if (instance) {
        if (name === 'name') instance.name = value
        else if (name === 'state') instance.states = value
        else if (name === 'slots_total') instance.slots = wholeOf(name, value)
        else if (name === 'resource') instance.values.set(attributeOf(attributes, 'name'), value)
      } else if (depth === 1) parts.add(name)
    },
    close(name) {
      depth--
      if (name === 'job_list' && entry) {
        if (entry.host === null && instance) entry.host = hostOf(instance.name)
        entries.push(finished(entry))
        entry = null
      } else if (name === 'Queue-List' && instance) {
        instances.push(finishedInstance(instance))
        instance = null
      }
    },
  })
  if (!parts.has('queue_info') || !parts.has('job_info')) throw malformed('the list of jobs', 'lacks one of its parts')
  return { instances, entries }
}

function newEntry(): Draft {
  return {
    number: 0,
    tasks: '',
    name: '',
    user: '',
    state: '',
    ranked: false,
    submittedAtMs: null,
    startedAtMs: null,
    slots: 1,
    pe: '',
    range: '',
    hard: [],
    queues: [],
    predecessors: [],
    host: null,
  }
}

function readField(entry: Draft, name: string, value: string, attributes: string): void {
  switch (name) {
    case 'JB_job_number':
      entry.number = wholeOf(name, value)
      return
    case 'JAT_prio':
      entry.ranked = Number(value) > 0
      return
    case 'JB_name':
      entry.name = value
      return
    case 'full_job_name':
      entry.name = value
      return
    case 'JB_owner':
      entry.user = value
      return
    case 'state':
      entry.state = value
      return
    case 'JB_submission_time':
      entry.submittedAtMs = timeOf(name, value)
      return
    case 'JAT_start_time':
      entry.startedAtMs = timeOf(name, value)
      return
    case 'queue_name':
      if (value !== '') entry.host = hostOf(value)
      return
    case 'slots':
      entry.slots = wholeOf(name, value)
      return
    case 'tasks':
      entry.tasks = value
      return
    case 'requested_pe':
      entry.pe = attributeOf(attributes, 'name')
      entry.range = value
      return
    case 'hard_request':
      entry.hard.push([attributeOf(attributes, 'name'), value])
      return
    case 'hard_req_queue':
      entry.queues.push(value)
      return
    case 'predecessor_jobs':
    case 'ad_predecessor_jobs':
      entry.predecessors.push(value)
      return
  }
}

function finished(entry: Draft): QueueEntry {
  if (entry.number === 0) throw malformed('a job', 'has no number')
  if (entry.user === '') throw malformed(`job ${entry.number}`, 'has no owner')
  if (!/^[A-Za-z]{1,8}$/.test(entry.state)) throw malformed(`job ${entry.number}`, `has the state "${entry.state}"`)
  if (entry.tasks !== '' && !tasksPattern.test(entry.tasks)) {
    throw malformed(`job ${entry.number}`, `has the elements "${entry.tasks.slice(0, 80)}"`)
  }
  return entry
}

const tasksPattern = /^\d+(?:-\d+(?::\d+)?)?(?:,\d+(?:-\d+(?::\d+)?)?)*$/

interface InstanceDraft {
  name: string
  states: string
  slots: number
  values: Map<string, string>
}

function finishedInstance(instance: InstanceDraft): QueueInstance {
  const { name, states, slots, values } = instance
  const at = name.indexOf('@')
  if (at < 1) throw malformed('a queue', `has the name "${name.slice(0, 80)}"`)
  if (!/^[aAucdDsSCEoP]*$/.test(states)) throw malformed(name, `has the state "${states.slice(0, 80)}"`)
  return { queue: name.slice(0, at), host: hostOf(name), states, slots, values }
}

/** The host of `all.q@HOST`. */
function hostOf(instance: string): string {
  const host = instance.slice(instance.indexOf('@') + 1)
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(host)) throw malformed('a queue', `has the name "${instance.slice(0, 80)}"`)
  return host
}

function timeOf(name: string, text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text) ? Date.parse(`${text}Z`) : Number.NaN
  if (Number.isNaN(ms)) throw malformed(name, `is no time: "${text.slice(0, 80)}"`)
  return ms
}
