import { Pool } from 'undici'
import { endToEnd, one } from '../headers.ts'
import type { Origin } from '../origins.ts'
import { stepBytes } from '../store/buffers.ts'
import type { Upstream, UpstreamAsk, UpstreamResponse } from './ask.ts'

/** Milliseconds. A WAN's round trip is a fraction of a second; these say "away" rather than "slow". */
const connectTimeoutMs = 5_000
const headersTimeoutMs = 15_000
const bodyTimeoutMs = 30_000

/** Connections to one origin; further fetches wait their turn. */
const connections = 32

/** The way to the origins: connections kept open, one pool per origin. */
export class Origins implements Upstream {
  readonly #via: string
  readonly #pools = new Map<string, Pool>()

  /** @param via This process's name in the Via header. */
  constructor(via: string) {
    this.#via = via
  }

  /** A connection that broke before the answer began (usually a kept one that had just been closed) is tried once more. */
  async ask(ask: UpstreamAsk): Promise<UpstreamResponse> {
    try {
      return await this.#askOnce(ask)
    } catch (error) {
      if (!brokeOff(error)) throw error
      return this.#askOnce(ask)
    }
  }

  async #askOnce({ origin, method, path, headers, signal }: UpstreamAsk): Promise<UpstreamResponse> {
    const response = await this.#pool(origin).request({
      method,
      path,
      ...(signal ? { signal } : {}),
      headers: {
        host: origin.port === 80 ? origin.host : `${origin.host}:${origin.port}`,
        accept: '*/*',
        'accept-encoding': 'identity',
        'user-agent': 'causeway-cache',
        via: `1.1 ${this.#via}`,
        ...headers,
      },
      highWaterMark: stepBytes,
    })
    const announced = one(response.headers['content-length'])
    return {
      status: response.statusCode,
      headers: endToEnd(response.headers),
      length: /^\d{1,15}$/.test(announced) ? Number(announced) : undefined,
      framed: announced !== '' || response.headers['transfer-encoding'] !== undefined,
      body: response.body,
      place: `${origin.scheme}://${origin.address}:${origin.port}`,
    }
  }

  #pool(origin: Origin): Pool {
    const known = this.#pools.get(origin.host)
    if (known) return known
    const address = origin.address.includes(':') ? `[${origin.address}]` : origin.address
    const pool = new Pool(`http://${address}:${origin.port}`, {
      connections,
      pipelining: 1,
      keepAliveTimeout: 15_000,
      headersTimeout: headersTimeoutMs,
      bodyTimeout: bodyTimeoutMs,
      connect: { timeout: connectTimeoutMs },
    })
    this.#pools.set(origin.host, pool)
    return pool
  }

  /** Breaks off whatever is under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
  }
}

function brokeOff(error: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')
}
