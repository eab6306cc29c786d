import { createHash } from 'node:crypto'

/** An nftables table. */
export interface Table {
  readonly family: 'ip' | 'ip6' | 'bridge'
  readonly name: string
  /** Names of counters. */
  readonly counters: readonly string[]
  readonly sets: readonly TableSet[]
  readonly chains: readonly Chain[]
}

export interface TableSet {
  readonly name: string
  /** How it is declared: `type ifname . ether_addr`, or `typeof ...` where the type has no name. */
  readonly type: string
  /** What nft says that its type is: `ifname . ether_addr`; by this an older version's set is told. */
  readonly told: string
  readonly flags: readonly string[]
  /** Further declarations: `size 65536; timeout 1m;`. */
  readonly options?: string
  /**
   * Ours, whole: no others may be in it, and the first part of each is a device's name. Null: they belong to someone else
   * (the cache, the kernel), and are neither filled nor flushed.
   */
  readonly elements: readonly string[] | null
}

/** A chain; a base chain has policy accept. */
export interface Chain {
  readonly name: string
  /** Where a base chain sits; null for one that others go to. */
  readonly base: {
    readonly type: 'nat' | 'filter'
    readonly hook: 'prerouting' | 'input' | 'forward' | 'postrouting'
    readonly priority: number
  } | null
  readonly rules: readonly Rule[]
}

export interface Rule {
  /** In nft's language, without the comment. */
  readonly text: string
  /** Says which rule this is and, by a digest, what it says: a rule in the kernel with this comment is this rule. */
  readonly comment: string
}

/** A chain with rules of these texts. */
export function makeChain(name: string, base: Chain['base'], rules: readonly string[]): Chain {
  const digest = createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 12)
  return { name, base, rules: rules.map((text, index) => ({ text, comment: `causeway ${digest} ${index}` })) }
}

/** A set of these values, each once and in order, in nft's language. */
export function anyOf(values: readonly string[]): string {
  return `{ ${[...new Set(values)].sort().join(', ')} }`
}
