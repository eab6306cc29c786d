import type { Size } from './demand.ts'

/** The admin's rules for the nodes of one type at one site, as they are in force now. Times in ms. */
export interface TypePolicy {
  readonly site: string
  readonly type: string
  /** What its nodes are called: `PREFIX-1` to `PREFIX-MAXIMUM`. No two types share one. */
  readonly prefix: string
  readonly size: Size
  /** What a node can be asked for by: `site-SITE`, `type-TYPE`, and the admin's own. */
  readonly features: readonly string[]
  /** Nodes kept even when nobody needs them. */
  readonly minimum: number
  /** Nodes at most. `0 <= minimum <= maximum <= names`. */
  readonly maximum: number
  /** Names that there are, whatever window is in force: the largest maximum that any rule gives. */
  readonly names: number
  /** Free nodes kept ready beyond what the queue needs. */
  readonly spare: number
  /** How long a node stays idle before it is drained. */
  readonly idleMs: number
  /** How long a node lives at least, from its beginning; it is not drained before. */
  readonly lifetimeMs: number
  /** The time that the site charges for at once; a node is drained only near the end of such a time. 0: by the ms. */
  readonly billingMs: number
  /** What a node costs, in the policy's currency per hour. */
  readonly costPerHour: number
}

/** At most so many nodes for the jobs of one user, account or queue. */
export interface Cap {
  readonly of: 'user' | 'account' | 'queue'
  /** Whose; `*`: each one for whom there is no cap of its own. */
  readonly name: string
  readonly nodes: number
}

/** At most so much money in a period. */
export interface Budget {
  readonly period: 'day' | 'month'
  /** null: all sites together. */
  readonly site: string | null
  readonly amount: number
  /** The period that is running, ms since the epoch: from `startMs` until before `endMs`. */
  readonly startMs: number
  readonly endMs: number
}

/** Where jobs of more than one node go. `one-site`: all nodes in one site; `may-span`, `must-span`: over several. */
export type Spread = 'one-site' | 'may-span' | 'must-span'

/** A rule for the jobs of one queue, or with a feature: how they spread and to which sites they may go. The first that fits counts. */
export interface PlacementRule {
  /** '' fits every queue. */
  readonly queue: string
  /** '' fits every job. */
  readonly feature: string
  readonly spread: Spread
  /** Empty: all. */
  readonly sites: readonly string[]
}

/** The admin's rules for the cluster, as they are in force now. All times in ms. */
export interface Policy {
  /** Preferred ones first. */
  readonly types: readonly TypePolicy[]
  readonly caps: readonly Cap[]
  readonly budgets: readonly Budget[]
  readonly placement: readonly PlacementRule[]
  /** How long a node may stay in a phase before it counts as failed. */
  readonly deadlines: {
    readonly createMs: number
    readonly bootMs: number
    readonly installMs: number
    readonly enrolMs: number
    /** How long a draining node's job may go on before that is said loudly. It is never killed. */
    readonly drainMs: number
  }
  /** How acts that failed are tried again: after `firstMs`, then twice as long each time, up to `mostMs`. */
  readonly retry: {
    readonly firstMs: number
    readonly mostMs: number
  }
  readonly grace: {
    /** How long a site may be unreadable before its unfinished nodes are given up. */
    readonly unreachableMs: number
    /** How long a machine with an id that nobody knows is left alone. */
    readonly orphanMs: number
    /** How long a name stays unused after its node is gone, where Causeway chooses the names. */
    readonly reuseMs: number
  }
  /** What the path between two sites must be like for the nodes of one job to be at both. */
  readonly paths: {
    /** Share of packets that may be lost, 0 to 1. */
    readonly loss: number
    /** Longest mean round trip; Infinity: any. */
    readonly rttMs: number
  }
  readonly breaker: {
    /** Failures in a row that close a type at a site. */
    readonly failures: number
    /** How long a failed node's name and a closed type stay out of use. */
    readonly cooldownMs: number
  }
}

/** What tells one type at one site from all others: the key of breakers and counts. */
export function typeKey({ site, type }: { readonly site: string; readonly type: string }): string {
  const known = typeKeys.get(site)?.get(type)
  if (known !== undefined) return known
  const key = `${site}/${type}`
  const ofSite = typeKeys.get(site)
  if (ofSite) ofSite.set(type, key)
  else typeKeys.set(site, new Map([[type, key]]))
  return key
}

/** Each key once: it is made for every node in every round, and maps find a text faster that they have seen before. */
const typeKeys = new Map<string, Map<string, string>>()

/** The name of the k-th node with a prefix, k >= 1. */
export function nodeName(prefix: string, k: number): string {
  const known = nodeNames.get(prefix) ?? []
  if (known.length === 0) nodeNames.set(prefix, known)
  known[k] ??= `${prefix}-${k}`
  return known[k]
}

/** Each name once, as it is with the keys: every name is looked up in every round. */
const nodeNames = new Map<string, string[]>()

/** Which type a node name belongs to and its number there; null for names that are not of this form or not ours. */
export function parseNodeName(name: string, policy: Policy): { type: TypePolicy; k: number } | null {
  const match = /^(.+)-([1-9][0-9]{0,5})$/.exec(name)
  const type = match && policy.types.find((t) => t.prefix === match[1])
  return type ? { type, k: Number(match[2]) } : null
}

/** What tells one budget from all others. */
export function budgetKey(budget: Pick<Budget, 'period' | 'site'>): string {
  return `${budget.period}/${budget.site ?? '*'}`
}
