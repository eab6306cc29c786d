import { isClosed } from './breaker.ts'
import type { Job, QueueNode } from './demand.ts'
import type { Observation, Reading, SiteMachine } from './observation.ts'
import { isCapacity } from './phases.ts'
import type { Policy, SitePolicy } from './policy.ts'

/** One observation with the lookups that all parts of the planner share. */
export interface Context {
  readonly obs: Observation
  readonly policy: Policy
  readonly now: number
  readonly queueNodes: ReadonlyMap<string, QueueNode>
  readonly jobs: readonly Job[]
  readonly sites: ReadonlyMap<string, SitePolicy>
  /** Nodes that are or will be ready, by site. */
  readonly capacity: ReadonlyMap<string, number>
  closed(site: string): boolean
  /** The jobs that hold or wait for a node, by its name. */
  jobsOn(name: string): readonly Job[]
  /** The first pending, eligible job that could use a node of the site, if there is one. */
  demandFor(site: string): Job | undefined
  /** The sites that a job with this feature expression could use, preferred ones first. */
  usableSites(features: string): readonly SitePolicy[]
  machines(site: string): Reading<readonly SiteMachine[]> | undefined
  /** The machine of this id that the site lists. */
  machine(site: string, id: string): SiteMachine | undefined
}

/** Builds the lookups; reads nothing but its arguments. */
export function createContext(obs: Observation, policy: Policy, now: number): Context {
  const queue = obs.queue.ok ? obs.queue.value : { jobs: [], nodes: [] }
  const capacity = new Map<string, number>()
  for (const node of obs.nodes) {
    if (isCapacity(node.phase)) capacity.set(node.site, (capacity.get(node.site) ?? 0) + 1)
  }
  const byNode = jobsByNode(queue.jobs)
  const machines = machinesById(obs)
  // Thousands of jobs share a few expressions.
  const usable = new Map<string, readonly SitePolicy[]>()
  const usableSites = (features: string) => {
    const known = usable.get(features) ?? policy.sites.filter((site) => couldUse(features, site.name))
    usable.set(features, known)
    return known
  }
  const demand = firstDemand(queue.jobs, usableSites)
  return {
    obs,
    policy,
    now,
    queueNodes: new Map(queue.nodes.map((node) => [node.name, node])),
    jobs: queue.jobs,
    sites: new Map(policy.sites.map((site) => [site.name, site])),
    capacity,
    closed: (site) => isClosed(obs.breakers.get(site), now),
    jobsOn: (name) => byNode.get(name) ?? [],
    demandFor: (site) => demand.bySite.get(site) ?? demand.anywhere,
    usableSites,
    machines: (site) => obs.sites.get(site),
    machine: (site, id) => machines.get(site)?.get(id),
  }
}

/**
 * Whether a job's feature expression leaves room for nodes of a site. Only `site-NAME` features are understood: an
 * expression that names sites and not this one excludes it; any other may match.
 */
function couldUse(features: string, site: string): boolean {
  const named = namedSites(features)
  return named === null || named.includes(`site-${site}`)
}

function namedSites(features: string): readonly string[] | null {
  return features.match(/(?<![\w-])site-[A-Za-z0-9_-]+/g)
}

/** The jobs that are not over, by the names of their nodes. */
function jobsByNode(jobs: readonly Job[]): ReadonlyMap<string, readonly Job[]> {
  const byNode = new Map<string, Job[]>()
  for (const job of jobs) {
    if (job.state === 'ended') continue
    for (const name of job.nodes) {
      const others = byNode.get(name)
      if (others) others.push(job)
      else byNode.set(name, [job])
    }
  }
  return byNode
}

function machinesById(obs: Observation): ReadonlyMap<string, ReadonlyMap<string, SiteMachine>> {
  const bySite = new Map<string, ReadonlyMap<string, SiteMachine>>()
  for (const [site, reading] of obs.sites) {
    if (reading.ok) bySite.set(site, new Map(reading.value.map((machine) => [machine.id, machine])))
  }
  return bySite
}

/** The first job that waits for nodes of a site, by site as far as jobs name sites, and the first that may go anywhere. */
function firstDemand(
  jobs: readonly Job[],
  usableSites: (features: string) => readonly SitePolicy[],
): { bySite: ReadonlyMap<string, Job>; anywhere: Job | undefined } {
  const bySite = new Map<string, Job>()
  for (const job of jobs) {
    if (job.state !== 'pending' || !job.eligible) continue
    const usable = usableSites(job.features)
    // A job that all sites together are too small for is no demand.
    if (job.nodeCount > usable.reduce((room, site) => room + site.maximum, 0)) continue
    if (namedSites(job.features) === null) return { bySite, anywhere: job }
    for (const { name } of usable) if (!bySite.has(name)) bySite.set(name, job)
  }
  return { bySite, anywhere: undefined }
}
