import type { Fill } from '../fill/fill.ts'
import { isMetalink } from '../formats/metalink.ts'
import type { Found } from './find.ts'
import type { CacheRequest } from './request.ts'

/** Bytes that a metalink may have. Fedora's, with a hundred mirrors, have 30 kB. */
const most = 1024 * 1024

/**
 * The metalink that a client is about to get; undefined for anything else. It must be read before the client has it: with it
 * in hand the client turns to a mirror at once.
 */
export async function metalinkIn({ method, path }: CacheRequest, found: Found): Promise<Buffer | undefined> {
  if (method !== 'GET' || !isMetalink(path)) return undefined
  try {
    if (found.kind === 'kept') return found.stored.body ?? (await readAll((into, at) => found.stored.read(into, at)))
    if (found.kind === 'arriving' && found.fill.head.status === 200) return await readFill(found.fill)
  } catch {
    // Whoever it is sent to hears of it.
  }
  return undefined
}

async function readFill(fill: Fill): Promise<Buffer | undefined> {
  const reader = fill.read()
  try {
    return await readAll((into, at) => reader.read(into, at))
  } finally {
    reader.close()
  }
}

/** @returns Undefined for more than a metalink may have. */
async function readAll(read: (into: Buffer, at: number) => Promise<number>): Promise<Buffer | undefined> {
  const body = Buffer.alloc(most)
  for (let at = 0; at < most; ) {
    const bytes = await read(body.subarray(at), at)
    if (bytes === 0) return body.subarray(0, at)
    at += bytes
  }
  return undefined
}
