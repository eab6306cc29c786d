import type { ServerResponse } from 'node:http'
import { returnBuffer, takeBuffer } from '../store/buffers.ts'
import type { Reply } from './reply.ts'

/** Something whose bytes can be read by position; 0 bytes mean its end. */
export interface Source {
  read(into: Buffer, position: number): Promise<number>
}

/** The client closed its connection before it had everything. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft'
}

/** Sends a head and its whole, small body at once. */
export function sendWhole(res: ServerResponse, reply: Reply, body: Buffer): number {
  res.writeHead(reply.status, reply.headers)
  const part = reply.start === 0 && reply.end === body.length ? body : body.subarray(reply.start, reply.end)
  res.end(part)
  return part.length
}

/**
 * Sends a head, and a body as it can be read, at the pace of the client.
 *
 * @param sent Told of the bytes of each step.
 * @throws ClientLeft, or what reading threw; then the client has got less than it was promised and must be cut off.
 */
export async function sendBody(res: ServerResponse, reply: Reply, source: Source, sent: (bytes: number) => void) {
  res.writeHead(reply.status, reply.headers)
  if (reply.end === reply.start) {
    res.end()
    return
  }
  res.flushHeaders()
  const end = reply.end ?? Number.POSITIVE_INFINITY
  const buffer = takeBuffer()
  for (let position = reply.start; position < end; ) {
    const wanted = Math.min(buffer.length, end - position)
    const bytes = await source.read(wanted === buffer.length ? buffer : buffer.subarray(0, wanted), position)
    if (bytes === 0) {
      if (reply.end === undefined) break
      throw new Error(`the body ends after ${position} of ${end} bytes`)
    }
    await write(res, buffer.subarray(0, bytes))
    position += bytes
    sent(bytes)
  }
  // Not given back when something threw above: the socket may still hold it.
  returnBuffer(buffer)
  res.end()
}

/** Resolves when the socket has taken the bytes, so that their buffer can be used again. */
function write(res: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (res.destroyed) return reject(new ClientLeft())
    const left = () => reject(new ClientLeft())
    res.once('close', left)
    res.write(bytes, (error) => {
      res.off('close', left)
      if (error) reject(new ClientLeft(undefined, { cause: error }))
      else resolve()
    })
  })
}
