import type { NodeRecord } from '../../store/node-record.ts'
import type { Job, QueueNode } from './demand.ts'
import type { Observation, SiteMachine } from './observation.ts'
import type { Policy, TypePolicy } from './policy.ts'
import { isJobStep, isNodeStep, type Plan, type Step } from './steps.ts'

/**
 * What the checks look things up in: made from the observation alone, and on purpose without a line of the planner's.
 * Whatever was not read is simply not there; `ReadingNeeded` is what notices.
 */
export interface World {
  readonly plan: Plan
  readonly obs: Observation
  readonly policy: Policy
  readonly now: number
  /** Live nodes by id and by name. */
  readonly byId: ReadonlyMap<string, NodeRecord>
  readonly byName: ReadonlyMap<string, NodeRecord>
  readonly queueNodes: ReadonlyMap<string, QueueNode>
  /** The rules by `SITE/TYPE`. */
  readonly types: ReadonlyMap<string, TypePolicy>
  readonly sites: ReadonlySet<string>
  /** What each site that was read has, by id, and under which names. */
  readonly machines: ReadonlyMap<string, ReadonlyMap<string, SiteMachine>>
  readonly machineNames: ReadonlyMap<string, ReadonlySet<string>>
  /** By name: the job that has begun on the node and has not ended, as the queue's list of jobs has it. */
  readonly jobOn: ReadonlyMap<string, string>
  /** Jobs that are not over, by the names of their nodes. */
  readonly jobsByNode: ReadonlyMap<string, readonly Job[]>
}

/** Looks at the observation once, so that each check is a look-up. */
export function worldOf(plan: Plan, obs: Observation, policy: Policy, now: number): World {
  const queue = obs.queue.ok ? obs.queue.value : { jobs: [], nodes: [] }
  const jobOn = new Map<string, string>()
  const jobsByNode = new Map<string, Job[]>()
  for (const job of queue.jobs) {
    if (job.nodes.length === 0) continue
    for (const name of job.state === 'ended' ? [] : job.nodes) {
      const others = jobsByNode.get(name)
      if (others) others.push(job)
      else jobsByNode.set(name, [job])
    }
    // A completing job still names nodes that it has left: for those the queue's own mark on the node is what counts.
    if (job.state === 'running' || job.state === 'other') for (const name of job.nodes) jobOn.set(name, job.id)
  }
  const machines = new Map<string, ReadonlyMap<string, SiteMachine>>()
  const machineNames = new Map<string, ReadonlySet<string>>()
  for (const [site, reading] of obs.sites) {
    if (!reading.ok) continue
    machines.set(site, new Map(reading.value.map((machine) => [machine.id, machine])))
    machineNames.set(site, new Set(reading.value.map((machine) => machine.name)))
  }
  const live = obs.nodes.filter((node) => node.phase !== 'gone')
  return {
    plan,
    obs,
    policy,
    now,
    byId: new Map(live.map((node) => [node.id, node])),
    byName: new Map(live.map((node) => [node.name, node])),
    queueNodes: new Map(queue.nodes.map((node) => [node.name, node])),
    types: new Map(policy.types.map((type) => [`${type.site}/${type.type}`, type])),
    sites: new Set(policy.types.map((type) => type.site)),
    machines,
    machineNames,
    jobOn,
    jobsByNode,
  }
}

const jobsOf = new WeakMap<World, ReadonlyMap<string, Job>>()

/** Jobs by their ids. Made when it is needed first: there may be very many. */
export function jobsById(world: World): ReadonlyMap<string, Job> {
  const known = jobsOf.get(world)
  if (known) return known
  const jobs = new Map<string, Job>()
  if (world.obs.queue.ok) for (const job of world.obs.queue.value.jobs) jobs.set(job.id, job)
  jobsOf.set(world, jobs)
  return jobs
}

/** The node names that a step is about. */
export function namesOf(step: Step, world: World): readonly string[] {
  if (isNodeStep(step)) return [world.byId.get(step.id)?.name ?? []].flat()
  if (isJobStep(step)) return []
  if ('names' in step) return step.names
  if ('name' in step) return [step.name]
  return [machineOf(step.site, step.machine, world)?.name ?? []].flat()
}

/** The site that a step is about; undefined when it is about jobs, or about a node that does not exist. */
export function siteOf(step: Step, world: World): string | undefined {
  if (isJobStep(step)) return undefined
  return isNodeStep(step) ? world.byId.get(step.id)?.site : step.site
}

/** The rules for the type that a step is about: by the node's record, by the step's own word, or by the names. */
export function typeOf(step: Step, world: World): TypePolicy | undefined {
  const site = siteOf(step, world)
  if (site === undefined) return undefined
  const type = isNodeStep(step) ? world.byId.get(step.id)?.type : 'type' in step ? step.type : undefined
  if (type !== undefined) return world.types.get(`${site}/${type}`)
  const [name] = namesOf(step, world)
  if (name === undefined) return undefined
  return world.policy.types.find((one) => one.site === site && numberOf(name, one.prefix) !== null)
}

/** A machine by its id, as its site lists it. */
export function machineOf(site: string, id: string, world: World): SiteMachine | undefined {
  return world.machines.get(site)?.get(id)
}

/**
 * What shows that a job runs on the node of this name: the queue's mark on it, or the queue's list of jobs. A node that the
 * queue has no machine for (absent, or wanted and not there yet) can't run any.
 */
export function runningOn(name: string, world: World): { job: string | null; power: string } | null {
  const inQueue = world.queueNodes.get(name)
  if (inQueue?.power === 'absent' || inQueue?.power === 'wanted') return null
  const job = world.jobOn.get(name) ?? null
  return inQueue?.busy || job !== null ? { job, power: inQueue?.power ?? 'unknown' } : null
}

/** The number of a name `PREFIX-k`; null when it is none. */
export function numberOf(name: string, prefix: string): number | null {
  const rest = name.startsWith(`${prefix}-`) ? name.slice(prefix.length + 1) : ''
  return /^[1-9][0-9]*$/.test(rest) ? Number(rest) : null
}

/** Whether the breaker keeps the type closed. */
export function isShut(of: { readonly site: string; readonly type: string }, world: World): boolean {
  const until = world.obs.breakers.get(`${of.site}/${of.type}`)?.closedUntilMs ?? null
  return until !== null && world.now < until
}
