import type { DigestAlgorithm, Expected } from '../verify/expected.ts'
import { nameOf } from './paths.ts'

const digits = { sha512: 128, sha256: 64, sha1: 40 } as const

/** Which to go by where an index gives several: bodies are named by their SHA-256, so that one costs nothing. */
const byChoice = ['sha256', 'sha512', 'sha1'] as const

/** What is expected of a file, from the digests that an index gives of it; undefined where it gives none that is right. */
export function expectedOf(
  digests: Partial<Record<DigestAlgorithm, string | undefined>>,
  bytes: number | undefined,
): Expected | undefined {
  for (const algorithm of byChoice) {
    const digest = digests[algorithm]?.toLowerCase()
    if (digest !== undefined && isDigest(algorithm, digest)) return { algorithm, digest, bytes }
  }
  return undefined
}

/** Whether a text is a digest of that kind, in lower-case hexadecimal. */
export function isDigest(algorithm: DigestAlgorithm, text: string): boolean {
  return text.length === digits[algorithm] && /^[0-9a-f]+$/.test(text)
}

/** A number of bytes in decimal; undefined for anything else. */
export function bytesOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/**
 * What a file's own name says of its content: Debian's `by-hash/SHA256/...`, an RPM repository's
 * `repodata/<digest>-primary.xml.gz`, a blob named `sha256:<digest>` or `sha256-<digest>`.
 *
 * Names that are only hexadecimal are no promise: they may be the digest of something else.
 * @param file A plain path, see `plainPath`.
 */
export function expectedByName(file: string): Expected | undefined {
  const name = nameOf(file)
  const [, algorithm, digest] = /\/by-hash\/(SHA512|SHA256|SHA1)\/([0-9a-f]+)$/.exec(file) ?? []
  if (algorithm !== undefined) return expectedOf({ [algorithm.toLowerCase()]: digest }, undefined)
  if (/\/repodata\/[0-9a-f]+-/.test(file)) {
    const said = name.slice(0, name.indexOf('-'))
    return expectedOf({ sha512: said, sha256: said }, undefined)
  }
  const [, labelled] = /^sha256[:-]([0-9a-f]{64})(?:\.[a-z0-9.]+)?$/.exec(name) ?? []
  return labelled === undefined ? undefined : { algorithm: 'sha256', digest: labelled, bytes: undefined }
}
