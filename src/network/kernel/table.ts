/** An nftables table. */
export interface Table {
  readonly family: 'ip' | 'bridge'
  readonly name: string
  /** Sets whose elements belong to someone else: declared here, never filled or flushed. */
  readonly sets: readonly TableSet[]
  readonly chains: readonly Chain[]
}

export interface TableSet {
  readonly name: string
  readonly type: string
  readonly flags: readonly string[]
}

/** A base chain with policy accept. */
export interface Chain {
  readonly name: string
  readonly type: 'nat' | 'filter'
  readonly hook: 'prerouting' | 'postrouting'
  readonly priority: number
  readonly rules: readonly Rule[]
}

export interface Rule {
  /** In nft's language, without the comment. */
  readonly text: string
  /** Says which rule this is and, by a digest, what it says: a rule in the kernel with this comment is this rule. */
  readonly comment: string
}
