/** An nftables table, as far as telling it from the desired one needs. */
export interface ActualTable {
  readonly family: string
  readonly name: string
  readonly sets: readonly { readonly name: string; readonly type: string; readonly flags: readonly string[] }[]
  readonly chains: readonly ActualChain[]
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
