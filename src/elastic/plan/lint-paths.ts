import type { Job } from './demand.ts'
import type { Breach, Invariant } from './lint-findings.ts'
import { jobsById, siteOf, type World } from './lint-world.ts'
import type { Path } from './observation.ts'
import type { Step } from './steps.ts'

/** Whether a step makes something begin at a site from which nothing passes to the head, nor back. */
export function pathBroken(step: Step, world: World): Breach {
  if (step.kind !== 'begin' && step.kind !== 'power-up' && step.kind !== 'reopen') return null
  const site = siteOf(step, world)
  if (site === undefined || !isCut(between('head', site, world))) return null
  return { text: `nothing passes between the head and ${site}`, facts: { site } }
}

/** Begins for a job whose nodes, as far as they are known, would be at sites with a path between them that is too bad. */
export function gangsApart(world: World): (readonly [Invariant, Step | null, Breach])[] {
  const begins = world.plan.steps.filter((step) => step.kind === 'begin')
  if (!world.obs.paths?.length || begins.length === 0) return []
  const jobs = jobsById(world)
  const sitesOf = new Map<string, Set<string>>()
  for (const step of begins) {
    for (const id of step.jobs) {
      const job = jobs.get(id)
      // The elements of an array that the queue lists as a whole are different jobs.
      if (!job || job.nodeCount < 2 || job.count > 1) continue
      const sites = sitesOf.get(id) ?? new Set(chosenFor(job).flatMap((name) => siteOfName(name, world) ?? []))
      sitesOf.set(id, sites.add(step.site))
    }
  }
  return begins.flatMap((step) => {
    const job = step.jobs.find((id) => {
      const sites = [...(sitesOf.get(id) ?? [])]
      return sites.some((one) => sites.some((other) => one !== other && isTooBad(between(one, other, world), world)))
    })
    const text = `the path between the sites of job ${job} is too bad`
    return job === undefined ? [] : [['GangApart', step, { text, facts: { job } }]]
  })
}

/** A job that waits has no nodes, whatever the queue still names with it. */
function chosenFor({ state, nodes }: Job): readonly string[] {
  return state === 'pending' ? [] : nodes
}

function siteOfName(name: string, { policy }: World): string | undefined {
  return policy.types.find(
    ({ prefix }) => name.startsWith(`${prefix}-`) && !name.slice(prefix.length + 1).includes('-'),
  )?.site
}

function between(one: string, other: string, { obs }: World): readonly Path[] {
  const ends = [one, other]
  return (obs.paths ?? []).filter(({ from, to }) => from !== to && ends.includes(from) && ends.includes(to))
}

function isCut(paths: readonly Path[]): boolean {
  const states = new Set(paths.map(({ state }) => state))
  return states.has('broken') && !states.has('good')
}

function isTooBad(paths: readonly Path[], { policy }: World): boolean {
  const { loss, rttMs } = policy.paths
  return isCut(paths) || paths.some((path) => (path.loss ?? 0) > loss || (path.rttMs ?? 0) > rttMs)
}
