import { type Dispatcher, Pool } from 'undici'
import { endToEnd, one } from '../../door/headers.ts'
import type { Origin } from '../../settings.ts'
import { stepBytes } from '../../store/buffers.ts'
import type { Headers } from '../headers.ts'

/** Milliseconds. A WAN's round trip is a fraction of a second; these say "away" rather than "slow". */
const connectTimeoutMs = 5_000
const headersTimeoutMs = 15_000
const bodyTimeoutMs = 30_000

/** Connections to one origin; further fetches wait their turn. */
const connections = 32

/** What an origin answers. The body must be read to its end or destroyed. */
export interface UpstreamResponse {
  readonly status: number
  readonly headers: Headers
  /** Bytes announced by Content-Length. */
  readonly length: number | undefined
  /** Whether the end of the body can be told from a broken connection. */
  readonly framed: boolean
  readonly body: Dispatcher.ResponseData['body']
}

/** The way to the origins: connections kept open, one pool per origin. */
export class Upstream {
  readonly #via: string
  readonly #pools = new Map<string, Pool>()

  /** @param via This process's name in the Via header. */
  constructor(via: string) {
    this.#via = via
  }

  /**
   * Sends one request. A connection that broke before the answer began (usually a kept one that the origin had just
   * closed) is tried once more.
   * @throws whatever undici throws, when there is no answer
   */
  async fetch(origin: Origin, method: 'GET' | 'HEAD', path: string, headers: Headers): Promise<UpstreamResponse> {
    try {
      return await this.#fetchOnce(origin, method, path, headers)
    } catch (error) {
      if (!brokeOff(error)) throw error
      return this.#fetchOnce(origin, method, path, headers)
    }
  }

  async #fetchOnce(origin: Origin, method: 'GET' | 'HEAD', path: string, headers: Headers): Promise<UpstreamResponse> {
    const response = await this.#pool(origin).request({
      method,
      path,
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
