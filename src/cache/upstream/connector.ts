import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { isIP, connect as openTcp, type Socket } from 'node:net'
import { connect as openTls, type TLSSocket } from 'node:tls'
import { callbackify } from 'node:util'
import type { buildConnector } from 'undici'
import type { Clock } from '../../base/clock.ts'
import { dial, interleaved } from './dial.ts'
import type { Names } from './names.ts'
import type { Endpoint } from './places.ts'

/** Milliseconds for a connection to a server of which nothing is known: it may be 600 ms away, and a packet may be lost. */
const strangerMs = 3_000

/** Milliseconds after which a first packet that was lost is sent again: RFC 6298, section 2.1. */
const repeatMs = 1_000

/** Milliseconds that anybody waits for TLS once there is a connection. */
const secureMs = 3_000

/** Milliseconds after which a quiet connection is looked at by the kernel. */
const keepAliveMs = 60_000

export interface ConnectorDeps {
  readonly names: Names
  /** Must not jump. */
  readonly clock: Clock
}

/** How connections to an endpoint are made: to its address whatever its name, and to no other address than was checked. */
export class Connector {
  readonly #endpoint: Endpoint
  readonly #deps: ConnectorDeps
  /** The address that answered last is tried first. */
  #last: string | undefined
  /** Milliseconds that a connection takes: more at once, less little by little. */
  #usualMs: number | undefined
  #session: Buffer | undefined

  constructor(endpoint: Endpoint, deps: ConnectorDeps) {
    this.#endpoint = endpoint
    this.#deps = deps
  }

  /**
   * Makes a connection, with TLS where the endpoint has that.
   * @param signal Gives it up.
   * @param spareMs Milliseconds for an answer to a first packet that had to be sent twice, at least; a server that is farther
   * away gets more. One that has not been heard yet has three seconds in any case.
   * @throws CausewayError `TargetRefused` where the address is one that may not be asked; the kernel's errors and those of TLS
   */
  async connect(signal?: AbortSignal, spareMs = 1_000): Promise<Socket> {
    const { address, port, private: privateToo, scheme } = this.#endpoint
    const { names, clock } = this.#deps
    const addresses = interleaved(await names.addressesOf(address, privateToo))
    const begunMs = clock.now()
    const socket = await dial(this.#lastFirst(addresses), {
      open: ({ address: host }) =>
        openTcp({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }),
      clock,
      patienceMs: patienceFor(this.#usualMs, spareMs),
      signal,
    })
    this.#last = socket.remoteAddress
    this.#usualMs = usual(this.#usualMs, clock.now() - begunMs)
    return scheme === 'https' ? this.#secure(socket, signal) : socket
  }

  /** The same as undici wants it. */
  forPool(signal: AbortSignal): buildConnector.connector {
    const connect = callbackify(() => this.connect(signal))
    return (_options, callback) => connect((error, socket) => (error ? callback(error, null) : callback(null, socket)))
  }

  #lastFirst(addresses: readonly LookupAddress[]): readonly LookupAddress[] {
    const last = addresses.filter(({ address }) => address === this.#last)
    return last.length === 0 ? addresses : [...last, ...addresses.filter(({ address }) => address !== this.#last)]
  }

  async #secure(socket: Socket, signal: AbortSignal | undefined): Promise<TLSSocket> {
    const { host } = this.#endpoint
    const secure = openTls({
      socket,
      host,
      ALPNProtocols: ['http/1.1'],
      // Addresses are no names there: RFC 6066, section 3.
      ...(isIP(host) > 0 ? {} : { servername: host }),
      ...(this.#session ? { session: this.#session } : {}),
    })
    secure.on('error', () => {}).on('session', (session: Buffer) => (this.#session = session))
    const over = new AbortController()
    const giveUp = () => secure.destroy(new Error('the connection was given up'))
    signal?.addEventListener('abort', giveUp)
    void this.#deps.clock.sleep(secureMs, over.signal).then(() => {
      if (!over.signal.aborted) secure.destroy(new Error(`no TLS in ${secureMs} ms`))
    })
    try {
      await once(secure, 'secureConnect')
      return secure
    } finally {
      over.abort()
      signal?.removeEventListener('abort', giveUp)
    }
  }
}

/**
 * Milliseconds for a connection: until its first packet has been sent a second time, and then time enough for the answer.
 * @param usualMs How long connections to this server take; undefined: nothing is known of it.
 * @param spareMs The least time for the answer.
 */
export function patienceFor(usualMs: number | undefined, spareMs: number): number {
  return usualMs === undefined ? strangerMs : Math.min(strangerMs, repeatMs + Math.max(spareMs, 4 * usualMs))
}

/** Where one took longer, the next may; where one was quick, that may have been luck. */
function usual(before: number | undefined, ms: number): number {
  return Math.max(ms, before === undefined ? 0 : before + (ms - before) / 4)
}
