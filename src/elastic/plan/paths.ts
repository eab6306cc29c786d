import type { Observation, Path } from './observation.ts'
import type { Policy } from './policy.ts'
import type { Reason } from './steps.ts'

/** The gateway that every node must reach. */
const head = 'head'

/** What the paths between sites forbid. Paths that nobody knows anything of forbid nothing. */
export interface Paths {
  /** Why nothing is to begin at a site: it and the head do not reach each other. */
  cutOff(site: string): Reason | null
  /** Why the nodes of one job are not to be at both of these sites. */
  tooBad(one: string, other: string): Reason | null
}

/** Judges the paths that were observed by the policy. */
export function judgePaths(obs: Pick<Observation, 'paths'>, policy: Pick<Policy, 'paths'>): Paths {
  const { paths = [] } = obs
  // Most often all is well: then nothing is looked up for any node.
  const limits = policy.paths
  const isBad = (path: Path) =>
    path.state === 'broken' || (path.loss ?? 0) > limits.loss || (path.rttMs ?? 0) > limits.rttMs
  if (!paths.some(isBad)) return { cutOff: () => null, tooBad: () => null }
  const byEnds = new Map(paths.map((path) => [`${path.from} ${path.to}`, path]))
  const between = (one: string, other: string) =>
    [byEnds.get(`${one} ${other}`), byEnds.get(`${other} ${one}`)].flatMap((path) => path ?? [])
  return {
    cutOff: (site) => {
      if (!isBroken(between(head, site))) return null
      const text = `nothing passes between the head and ${site}: no node begins there until it does`
      return { code: 'PathBroken', text, facts: { from: head, to: site } }
    },
    tooBad: (one, other) => {
      if (one === other) return null
      const both = between(one, other)
      const what = isBroken(both) ? 'nothing passes' : overLimits(both, limits)
      if (what === null) return null
      const text = `${what} between ${one} and ${other}: no job's nodes are put at both`
      return { code: 'PathBad', text, facts: { from: one, to: other } }
    },
  }
}

/** What is answered went both ways: a path is whole if either end sees that it is. */
function isBroken(both: readonly Path[]): boolean {
  return both.some(({ state }) => state === 'broken') && !both.some(({ state }) => state === 'good')
}

function overLimits(both: readonly Path[], limits: Policy['paths']): string | null {
  const loss = Math.max(0, ...both.map((path) => path.loss ?? 0))
  if (loss > limits.loss) return `${(loss * 100).toFixed(0)} % of all packets are lost`
  const rttMs = Math.max(0, ...both.map((path) => path.rttMs ?? 0))
  return rttMs > limits.rttMs ? `a packet and its answer take ${rttMs.toFixed(0)} ms` : null
}

/**
 * Sets of these sites within which every path is good enough for one job, each beginning with another site, all in their
 * order. One set if all is well.
 */
export function joined(sites: readonly string[], paths: Paths): (readonly string[])[] {
  const sets = new Map<string, readonly string[]>()
  for (const first of sites) {
    const set = [first]
    for (const site of sites) {
      if (!set.includes(site) && set.every((one) => paths.tooBad(one, site) === null)) set.push(site)
    }
    const key = set.toSorted().join(' ')
    if (!sets.has(key)) sets.set(key, set)
  }
  return [...sets.values()]
}
