/** The admin's rules for one site. */
export interface SitePolicy {
  readonly name: string
  /** Nodes kept even when nobody needs them. */
  readonly minimum: number
  /** Nodes at most. `0 <= minimum <= maximum`. */
  readonly maximum: number
  /** How long a node stays idle before it is drained, ms. */
  readonly idleMs: number
}

/** The admin's rules for the cluster. All times in ms. */
export interface Policy {
  /** Preferred sites first. */
  readonly sites: readonly SitePolicy[]
  /** How long a node may stay in a phase before it counts as failed. */
  readonly deadlines: {
    readonly createMs: number
    readonly bootMs: number
    readonly installMs: number
    readonly enrolMs: number
  }
  readonly grace: {
    /** How long a site may be unreadable before its unfinished nodes are given up. */
    readonly unreachableMs: number
    /** How long a machine with an id that nobody knows is left alone. */
    readonly orphanMs: number
  }
  readonly breaker: {
    /** Failures in a row that close a site. */
    readonly failures: number
    /** How long a failed node's name and a closed site stay out of use. */
    readonly cooldownMs: number
  }
}

/** The name of the k-th node at a site, k >= 1. */
export function nodeName(site: string, k: number): string {
  return `${site}-${k}`
}

/** Which site a node name belongs to and its number there; null for names that are not of this form or not ours. */
export function parseNodeName(name: string, policy: Policy): { site: SitePolicy; k: number } | null {
  const match = /^(.+)-([1-9][0-9]{0,5})$/.exec(name)
  const site = match && policy.sites.find((s) => s.name === match[1])
  return site ? { site, k: Number(match[2]) } : null
}
