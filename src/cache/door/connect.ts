import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../base/clock.ts'
import type { Counters } from '../watch/counters.ts'
import type { Ledger } from '../watch/ledger.ts'
import { endWith, type Trouble, troubleOf } from './refuse.ts'

/** Opens a connection to a host and port. */
export type OpenTunnel = (
  host: string,
  port: number,
) => Promise<Duplex & { setTimeout(ms: number, then: () => void): unknown }>

export interface TunnelsDeps {
  /** `host:port` of each that may be reached; usually none. */
  readonly allowed: readonly string[]
  readonly open: OpenTunnel
  readonly counters: Counters
  readonly ledger: Pick<Ledger, 'answered'>
  readonly clock: Clock
}

/** Milliseconds after which a tunnel that nothing passes through is closed. */
const idleMs = 300_000

/** CONNECT: tunnels for clients that insist on speaking TLS with an origin; nothing of it is kept. RFC 9110, section 9.3.6. */
export class Tunnels {
  readonly #deps: TunnelsDeps
  readonly #clients = new Set<Duplex>()

  constructor(deps: TunnelsDeps) {
    this.#deps = deps
  }

  /** Serves one CONNECT, and records it once it is over. It never rejects. */
  async serve({ url: target = '', socket: { remoteAddress = '' } }: IncomingMessage, client: Duplex, head: Buffer) {
    const { counters, ledger, clock } = this.#deps
    const startMs = clock.now()
    const record = (status: number, outcome: 'refused' | 'failed' | 'miss', bytes: number) =>
      ledger.answered({
        timeMs: startMs,
        client: remoteAddress,
        method: 'CONNECT',
        url: target,
        origin: null,
        status,
        outcome,
        bytes,
        ms: clock.now() - startMs,
      })
    counters.requests += 1
    client.on('error', () => client.destroy())
    const refusal = this.#refusalOf(target)
    if (refusal) {
      endWith(client, refusal)
      return record(refusal.status, 'refused', 0)
    }
    counters.inFlight += 1
    this.#clients.add(client)
    try {
      record(200, 'miss', await this.#pass(target, client, head))
    } catch (error) {
      const trouble = troubleOf(error, target)
      endWith(client, trouble)
      record(trouble.status, 'failed', 0)
    }
    this.#clients.delete(client)
    counters.inFlight -= 1
  }

  #refusalOf(target: string): Trouble | undefined {
    const { allowed } = this.#deps
    if (allowed.length === 0) return { status: 405, message: 'CONNECT is not served, only GET and HEAD' }
    if (allowed.includes(target.toLowerCase())) return undefined
    return { status: 403, message: `${target} is not among the places that CONNECT may reach here` }
  }

  /** Resolves to the bytes that went to the client, when both sides have closed. */
  async #pass(target: string, client: Duplex, head: Buffer): Promise<number> {
    const colon = target.lastIndexOf(':')
    const origin = await this.#deps.open(target.slice(0, colon), Number(target.slice(colon + 1)))
    let bytes = 0
    const close = () => {
      client.destroy()
      origin.destroy()
    }
    origin.setTimeout(idleMs, close)
    origin.on('error', close)
    origin.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    if (head.length > 0) origin.write(head)
    origin.pipe(client)
    client.pipe(origin)
    await Promise.race([closed(client), closed(origin)])
    const timer = setTimeout(close, idleMs)
    await taken(client)
    clearTimeout(timer)
    close()
    return bytes
  }

  /** Closes all tunnels, and those that are being opened as soon as they are. */
  close(): void {
    for (const client of this.#clients) client.destroy()
  }
}

/** Resolves when a client has got all that the origin said before it closed, or is gone; at once where it broke off. */
function taken(client: Duplex): Promise<void> {
  if (client.destroyed || !client.writableEnded || client.writableFinished) return Promise.resolve()
  return new Promise((resolve) => client.once('finish', resolve).once('close', resolve))
}

function closed(end: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (end.destroyed) resolve()
    else end.once('close', resolve)
  })
}
