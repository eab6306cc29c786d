import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Headers } from '../headers.ts'
import type { Origin } from '../origins.ts'
import type { Store } from '../store/port.ts'
import type { Whole } from './tops.ts'
import { indexFile, type Version, versionKey } from './version.ts'

/** Keeps a small file that has come whole, under its path and digest. */
export async function keepWhole(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  origin: Origin,
  { path, body, sha256 }: Whole,
  headers: Headers,
): Promise<void> {
  const file = indexFile(path, sha256, body.length)
  const head = { key: versionKey(origin, file), status: 200, headers, length: body.length, expected: file.expected }
  const incoming = await store.begin(head)
  try {
    await incoming.write(body, 0)
    await incoming.commit({ length: body.length, validatedAtMs: clock.now(), fetchMs: 0 })
  } catch (error) {
    await incoming.discard()
    throw error
  } finally {
    await incoming.close()
  }
}

/** The headers that what lies beside a top index is served with. */
export function taggedHeaders({ headers, sha256 }: Whole): Headers {
  return { ...headers, etag: tagOf(sha256) }
}

/** The entity tag that a client gets: the content's own, so that no two versions share one. */
function tagOf(sha256: string): string {
  return `"${sha256.slice(0, 32)}"`
}

/**
 * The headers that a top index is served with. It has a date only when that is later than those of all versions before
 * it: a client that compares by date must not take one version for another.
 */
export function servedHeaders({ id, headers, modifiedMs }: Version): Headers {
  const { 'last-modified': modified, ...rest } = headers
  const dated = modified !== undefined && Date.parse(modified) === modifiedMs ? { 'last-modified': modified } : {}
  return { ...rest, ...dated, etag: tagOf(id) }
}

/** The whole body kept for a key; undefined when it is not there or damaged. */
export async function readWhole(store: Store, key: string): Promise<Buffer | undefined> {
  const stored = await store.find(key)
  if (!stored) return undefined
  try {
    if (stored.body) return stored.body
    const body = Buffer.alloc(stored.length)
    for (let at = 0; at < body.length; ) {
      const bytes = await stored.read(body.subarray(at), at)
      if (bytes === 0) return undefined
      at += bytes
    }
    return body
  } catch (error) {
    if (error instanceof CausewayError && error.code === 'DamagedBody') return undefined
    throw error
  } finally {
    await stored.close()
  }
}
