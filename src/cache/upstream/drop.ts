import type { Readable } from 'node:stream'

/** Bytes of an unwanted body that are read to have its connection back. */
const mostBytes = 64 * 1024

/** Milliseconds that its end is waited for. */
const patienceMs = 5_000

/** Reads a body that nobody wants to its end, so that its connection can be used again; a long or slow one is broken off. */
export function drop({ body }: { readonly body: Readable }): undefined {
  if (body.destroyed) return
  let left = mostBytes
  const slow = setTimeout(() => body.destroy(), patienceMs).unref()
  body.on('error', () => {})
  body.on('close', () => clearTimeout(slow))
  body.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) body.destroy()
  })
}
