/** Digests that repositories name files by, the strongest first. */
export const digestAlgorithms = ['sha512', 'sha256', 'sha1'] as const

export type DigestAlgorithm = (typeof digestAlgorithms)[number]

/** What an index says of a file's content. */
export interface Expected {
  readonly algorithm: DigestAlgorithm
  /** Lower-case hexadecimal. */
  readonly digest: string
  /** Undefined where the index doesn't say. */
  readonly bytes: number | undefined
}
