import type { ServerResponse } from 'node:http'
import type { Reply } from './reply.ts'
import { Steps, stepBytes, type Want } from './steps.ts'

/** Something whose bytes can be had by position. */
export interface Source {
  /** Of the whole body, where that is known: who sends the same one shares what was read of it. */
  readonly sha256?: string
  /** Bytes of the whole body, where they are known. */
  readonly length?: number
  /** Resolves when there is something at a position, or the body's end is known; undefined when that is so already. */
  ready?(position: number): Promise<void> | undefined
  /** Bytes at a position that are in memory, at most up to `end`; nobody changes them. Undefined: they must be read. */
  view?(position: number, end: number): Buffer | undefined
  /** Reads a block without waiting, if that can be done; its bytes. Only where `sha256` is known. */
  readAtHand?(into: Buffer, position: number): number | undefined
  /** Resolves to how many bytes were read; 0 at the body's end. */
  read(into: Buffer, position: number): Promise<number>
}

/** The client closed its connection before it had everything. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft'
}

/**
 * Bytes of a body up to which what was read of it stays in its buffers for whoever comes next, also while it goes to one client
 * only. Of a larger one the beginning would have gone before it is wanted again, and a processor likes a buffer best that it
 * has just used.
 */
const lastingBytes = 10 * 1024 * 1024

const steps = new Steps(() => performance.now())

/** How many clients each body goes to now, by its SHA-256. */
const clientsOf = new Map<string, number>()

/** Sends a head and its whole, small body at once. Returns the bytes of the body. */
export function sendWhole(res: ServerResponse, reply: Reply, body: Buffer): number {
  res.writeHead(reply.status, reply.headers)
  const part = reply.start === 0 && reply.end === body.length ? body : body.subarray(reply.start, reply.end)
  res.end(part)
  return part.length
}

/**
 * Sends a head, and a body as it can be read, at the pace of the client. What is kept is sent a block at a time, the first
 * one together with the head, so that nothing has been promised when it turns out to be damaged. The head of what is
 * still on its way goes ahead.
 *
 * @param telling Its bytes are counted up.
 * @throws ClientLeft, or what reading threw; then the client has got less than it was promised and must be cut off.
 */
export async function sendBody(
  res: ServerResponse,
  reply: Reply,
  source: Source,
  telling: { bytes: number },
): Promise<void> {
  if (reply.end === reply.start) {
    res.writeHead(reply.status, reply.headers)
    res.end()
    return
  }
  const left = enter(source)
  try {
    await sendAll(res, reply, source, telling)
  } finally {
    left()
  }
}

/** Counts one more client of a body; to be called when it has gone. */
function enter({ sha256 }: Source): () => void {
  if (sha256 === undefined) return () => {}
  clientsOf.set(sha256, (clientsOf.get(sha256) ?? 0) + 1)
  return () => {
    const left = (clientsOf.get(sha256) ?? 1) - 1
    if (left === 0) clientsOf.delete(sha256)
    else clientsOf.set(sha256, left)
  }
}

async function sendAll(res: ServerResponse, reply: Reply, source: Source, telling: { bytes: number }): Promise<void> {
  const end = reply.end ?? Number.POSITIVE_INFINITY
  let position = reply.start
  while (position < end) {
    const wait = source.ready?.(position)
    if (wait) {
      if (!res.headersSent) {
        res.writeHead(reply.status, reply.headers)
        res.flushHeaders()
      }
      await wait
    }
    const sent = await sendStep(res, reply, source, position, Math.min(end, nextBlock(position)))
    if (sent === 0) break
    position += sent
    telling.bytes += sent
  }
  if (position < end && reply.end !== undefined) throw new Error(`the body ends after ${position} of ${end} bytes`)
  if (!res.headersSent) res.writeHead(reply.status, reply.headers)
  res.end()
}

function nextBlock(position: number): number {
  return position - (position % stepBytes) + stepBytes
}

/** Sends what there is at a position; resolves to its bytes once the socket has taken them. */
async function sendStep(res: ServerResponse, reply: Reply, source: Source, position: number, end: number) {
  const shared = source.view?.(position, end)
  if (shared) {
    await write(res, reply, shared)
    return shared.length
  }
  const want = wantFrom(res, source, position, end)
  const lending = steps.lend(want)
  const loan = lending instanceof Promise ? await lending : lending
  if (!loan) throw new ClientLeft()
  let back = () => loan.done()
  try {
    if (res.destroyed) throw new ClientLeft()
    const bytes = loan.bytes.subarray(position - want.start, end - want.start)
    // From here on the socket may hold the buffer, also when writing goes wrong.
    back = () => loan.lose()
    if (bytes.length > 0) await write(res, reply, bytes)
    back = () => loan.done()
    return bytes.length
  } finally {
    back()
  }
}

/** What a step needs in a buffer, from `start` on: of a body that others may want too the whole block. */
function wantFrom(res: ServerResponse, source: Source, position: number, end: number): Want & { start: number } {
  const { sha256, length = Number.POSITIVE_INFINITY } = source
  const start = sha256 === undefined ? position : position - (position % stepBytes)
  const most = sha256 === undefined ? end - position : stepBytes
  const alone = sha256 !== undefined && clientsOf.get(sha256) === 1
  return {
    start,
    name: sha256 === undefined ? undefined : `${sha256} ${start}`,
    lasting: !alone || length <= lastingBytes,
    // Where several go through the same body, those behind catch up while the one in front waits, and share what it reads.
    readAtHand: (into) => (alone ? source.readAtHand?.(into, start) : undefined),
    read: (into) => source.read(most < into.length ? into.subarray(0, most) : into, start),
    gone: () => res.destroyed,
    cut: () => res.destroy(),
  }
}

/** Resolves when the socket has taken the bytes, so that their buffer can be used again. */
function write(res: ServerResponse, reply: Reply, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (res.destroyed) return reject(new ClientLeft())
    if (!res.headersSent) res.writeHead(reply.status, reply.headers)
    const left = () => reject(new ClientLeft())
    res.once('close', left)
    res.write(bytes, (error) => {
      res.off('close', left)
      if (error) reject(new ClientLeft(undefined, { cause: error }))
      else resolve()
    })
  })
}
