import type { IncomingHead, Kept, Store, Stored } from '../../../src/cache/store/port.ts'
import { bytesFor } from '../origin.ts'

export const key = 'http://mirror.lab/x'

/** A head with a strong validator, and what is said. */
export function headOf(said: Partial<IncomingHead> = {}): IncomingHead {
  return { key, status: 200, headers: { etag: '"one"' }, length: undefined, expected: undefined, ...said }
}

/** Keeps a body under a key in one go, in pieces of at most `step` bytes. */
export async function keep(
  store: Store,
  body: Buffer,
  { step = 100_000, validatedAtMs = 1000, fetchMs = 10, ...said }: Partial<IncomingHead> & KeepOptions = {},
): Promise<Kept> {
  const incoming = await store.begin(headOf({ length: body.length, ...said }))
  try {
    for (let at = 0; at < body.length; at += step) await incoming.write(body.subarray(at, at + step), at)
    return await incoming.commit({ length: body.length, validatedAtMs, fetchMs })
  } finally {
    await incoming.close()
  }
}

interface KeepOptions {
  readonly step?: number
  readonly validatedAtMs?: number
  readonly fetchMs?: number
}

/** The whole body of what was found, read in steps; closes it. */
export async function bodyOf(stored: Stored | undefined, step = 300_000): Promise<Buffer | undefined> {
  if (!stored) return undefined
  const body = Buffer.alloc(stored.length)
  try {
    for (let position = 0; position < body.length; ) {
      const bytes = await stored.read(body.subarray(position, position + step), position)
      if (bytes === 0) throw new Error(`the body ends after ${position} bytes`)
      position += bytes
    }
    return body
  } finally {
    await stored.close()
  }
}

/** What is kept for a key. */
export async function found(store: Store, of = key): Promise<Buffer | undefined> {
  return bodyOf(await store.find(of))
}

export { bytesFor }
