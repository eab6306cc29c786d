import type { IncomingMessage, ServerResponse } from 'node:http'
import { contains, parseIpv4, parseSubnet, type Subnet } from '../../base/ipv4.ts'
import type { Counters } from './counters.ts'
import type { CacheMetrics } from './metrics.ts'

/** Where the cache speaks of itself: a request for a path that begins so, whatever its Host says, is for no origin. */
export const pagePrefix = '/_causeway/'

/** The page with the counters; also what the heartbeat asks for. */
export const statsPath = `${pagePrefix}stats`

/** The page that Prometheus reads. */
const metricsPath = `${pagePrefix}metrics`

export interface PagesDeps {
  readonly counters: Readonly<Counters>
  readonly metrics: CacheMetrics
  /** IPv4 subnets that may look besides this machine. */
  readonly watchers: readonly string[]
}

/** The cache's own pages at its front door: for this machine, and for those who watch it. */
export class Pages {
  readonly #deps: PagesDeps
  readonly #watchers: readonly Subnet[]

  constructor(deps: PagesDeps) {
    this.#deps = deps
    this.#watchers = deps.watchers.map((text) => parseSubnet(text)).filter((subnet) => subnet !== null)
  }

  /** Answers a request for a page of the cache's own; false for any other. */
  answer(req: IncomingMessage, res: ServerResponse): boolean {
    const path = req.url ?? ''
    if (!path.startsWith(pagePrefix)) return false
    if (!this.#mayLook(req)) say(res, 403, 'text/plain', 'causeway cache: only this machine and "watchers" may look\n')
    else if (path === statsPath) say(res, 200, 'application/json', JSON.stringify(this.#deps.counters))
    else if (path === metricsPath) void this.#sayMetrics(res)
    else say(res, 404, 'text/plain', `causeway cache: there are ${statsPath} and ${metricsPath}\n`)
    return true
  }

  #mayLook({ socket }: IncomingMessage): boolean {
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    if (socket.remoteAddress === socket.localAddress || /^127\.|^::1$/.test(address)) return true
    const number = parseIpv4(address)
    return number !== null && this.#watchers.some((subnet) => contains(subnet, number))
  }

  async #sayMetrics(res: ServerResponse): Promise<void> {
    const { metrics } = this.#deps
    try {
      say(res, 200, metrics.contentType, await metrics.text())
    } catch (error) {
      say(res, 500, 'text/plain', `causeway cache: ${(error as Error).message}\n`)
    }
  }
}

function say(res: ServerResponse, status: number, type: string, body: string): void {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
  res.end(body)
}
