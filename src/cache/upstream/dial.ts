import type { LookupAddress } from 'node:dns'
import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'

/** Milliseconds for which one address is tried alone before the next one is as well: RFC 8305, section 8. */
const aloneMs = 250

export interface DialOptions {
  /** Begins a connection to an address. */
  readonly open: (address: LookupAddress) => Socket
  readonly clock: Clock
  /** Milliseconds for a connection, whichever it is. */
  readonly patienceMs: number
  /** Gives it up. */
  readonly signal: AbortSignal | undefined
}

/**
 * The first connection that comes about, to whichever of the addresses: the first is tried, then with it the next and so on,
 * as RFC 8305, section 5 says. No address is given up for another, so that a way of 600 ms does not fail for having two.
 *
 * The socket has a listener for errors, which does nothing: none is thrown before its owner listens.
 * @throws the error of the only address, or one that has those of all; when it is too late or given up, one that says so
 */
export async function dial(addresses: readonly LookupAddress[], options: DialOptions): Promise<Socket> {
  const { open, clock, patienceMs, signal } = options
  const over = new AbortController()
  const sockets = new Set<Socket>()
  const end = () => {
    over.abort()
    for (const socket of sockets) socket.destroy()
  }
  if (signal?.aborted) end()
  signal?.addEventListener('abort', end)
  const errors: Error[] = []
  const { promise: made, resolve: make } = Promise.withResolvers<Socket>()

  /** Resolves when that address has failed. */
  const attempt = (address: LookupAddress): Promise<void> =>
    new Promise((failed) => {
      const socket = open(address)
      sockets.add(socket)
      socket.once('connect', () => make(socket))
      socket.on('error', (error) => {
        sockets.delete(socket)
        errors.push(error)
        failed()
      })
    })
  const attemptAll = async () => {
    const attempts: Promise<void>[] = []
    for (const address of addresses) {
      if (over.signal.aborted) return
      attempts.push(attempt(address))
      await Promise.race([...attempts.slice(-1), clock.sleep(aloneMs, over.signal)])
    }
    await Promise.all(attempts)
  }
  const late = async () => {
    await clock.sleep(patienceMs, over.signal)
    // Perhaps it was this process that stood still: what came meanwhile is heard of first.
    await new Promise((heard) => setImmediate(heard))
  }

  try {
    const socket = await Promise.race([made, attemptAll(), late()])
    if (socket) {
      sockets.delete(socket)
      return socket
    }
    if (signal?.aborted) throw new Error('the connection was given up')
    if (sockets.size > 0) {
      const where = addresses.map(({ address }) => address).join(', ')
      throw new Error(`no connection to ${where} in ${patienceMs} ms`)
    }
    throw errors.length === 1 ? errors[0] : new AggregateError(errors, errors.map(({ message }) => message).join('; '))
  } finally {
    signal?.removeEventListener('abort', end)
    end()
  }
}

/** One family after the other, as long as there are both (RFC 8305, section 4): a family that leads nowhere costs one try. */
export function interleaved(addresses: readonly LookupAddress[]): LookupAddress[] {
  const first = addresses[0]?.family
  const ones = addresses.filter(({ family }) => family === first)
  const others = addresses.filter(({ family }) => family !== first)
  const both = Math.min(ones.length, others.length)
  return [
    ...ones.slice(0, both).flatMap((one, index) => [one, others[index] as LookupAddress]),
    ...ones.slice(both),
    ...others.slice(both),
  ]
}
