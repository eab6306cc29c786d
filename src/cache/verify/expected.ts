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

/** Whether a body of known length and SHA-256 is surely not what is expected; by other digests only its length can tell. */
export function isOtherThan(
  expected: Expected | undefined,
  { length, sha256 }: { readonly length: number; readonly sha256: string },
): boolean {
  if (expected === undefined) return false
  if (expected.bytes !== undefined && expected.bytes !== length) return true
  return expected.algorithm === 'sha256' && expected.digest !== sha256
}
