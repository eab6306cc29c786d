import type { Suite } from '../formats/format.ts'
import type { Origin } from '../origins.ts'
import type { Top } from './tops.ts'
import { indexFile, type Version } from './version.ts'

/** The version that a top index begins, after the one before it. */
export function nextVersion(
  { origin, suite }: { readonly origin: Origin; readonly suite: Suite },
  top: Top,
  before: Version | undefined,
  nowMs: number,
): Version {
  const { sha256: id, path, headers, files, aliases, madeAtMs, validUntilMs, signature } = top
  const own = Date.parse(headers['last-modified'] ?? '') || 0
  const attached = new Map([[path, indexFile(path, id, top.body.length)]])
  if (signature) attached.set(signature.path, indexFile(signature.path, signature.sha256, signature.body.length))
  return {
    id,
    origin,
    suite,
    top: path,
    headers,
    modifiedMs: own > (before?.modifiedMs ?? 0) ? own : (before?.modifiedMs ?? 0) + 1,
    files,
    aliases,
    madeAtMs,
    validUntilMs,
    attached,
    validatedAtMs: nowMs,
  }
}

/** Whether a top index was made before a version's, as far as both say when. */
export function isOlder(top: Top, before: Version): boolean {
  return top.madeAtMs !== undefined && before.madeAtMs !== undefined && top.madeAtMs < before.madeAtMs
}
