/** An nftables table, as far as telling it from the desired one needs. */
export interface ActualTable {
  readonly family: string
  readonly name: string
  readonly counters: readonly string[]
  readonly sets: readonly ActualSet[]
  readonly chains: readonly ActualChain[]
}

export interface ActualSet {
  readonly name: string
  /** As `TableSet.told`; null where nft tells it in a way that we don't know. */
  readonly type: string | null
  /** Without `dynamic`, which not every nft tells. */
  readonly flags: readonly string[]
  /** Parts joined by ` . `, numbers in hex; none where the elements were not asked for. */
  readonly elements: readonly string[]
}

export interface ActualChain {
  readonly name: string
  readonly type: string | null
  readonly hook: string | null
  readonly priority: number | null
  readonly policy: string | null
  /** The rules' comments in order; null for a rule without one. */
  readonly rules: readonly (string | null)[]
}
