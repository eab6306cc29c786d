import { readFileSync } from 'node:fs'
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server } from '../../base/http.ts'
import { FastLane, type FastLaneDeps } from './fast-lane.ts'
import { endWith, type Trouble } from './refuse.ts'

export interface FrontDeps {
  /** Answers the plainest requests from memory, see `FastLane`. */
  readonly atHand?: FastLaneDeps['atHand']
  readonly answer: (req: IncomingMessage, res: ServerResponse) => void
  readonly connect: (req: IncomingMessage, client: Duplex, head: Buffer) => void
  /** Connections at a time; default: what the limit of open files leaves. */
  readonly mostConnections?: number
  /** Milliseconds, see below; shorter in tests. */
  readonly headMs?: number
  readonly idleMs?: number
}

/**
 * Milliseconds that a request's head may take from its first byte, or a new connection's from its beginning. Long enough
 * for the last of thousands that come at once, which is read when it is its turn.
 */
const usualHeadMs = 30_000

/** Milliseconds that a connection is kept open for another request. */
const keepAliveMs = 15_000

/** Milliseconds that a client may leave an answer lying without taking a byte of it. */
const usualIdleMs = 120_000

/** Bytes of a request's head. */
const mostHeadBytes = 16 * 1024

/** Connections that wait to be accepted: all nodes of a site may begin at once. */
export const backlog = 4096

/** Descriptors that are left for files, origins and the rest of the process. */
const reserved = 1024

/**
 * The HTTP server as strangers see it: what is no request at all is refused here, in plain words where something can still be
 * said, and whoever holds a connection without using it loses it.
 */
export function openFront(deps: FrontDeps): HttpServer {
  const { answer, connect, headMs = usualHeadMs, idleMs = usualIdleMs } = deps
  const mostConnections = deps.mostConnections ?? connectionsFor(openFilesLimit())
  const server = new Front(
    {
      keepAliveTimeout: keepAliveMs,
      headersTimeout: headMs,
      requestTimeout: headMs,
      connectionsCheckingInterval: headMs / 4,
      maxHeaderSize: mostHeadBytes,
      // A request without Host is the door's to refuse: it then looks at nothing else that came with it.
      requireHostHeader: false,
      noDelay: true,
    },
    answer,
  )
  // With a limit Node would leave out the rest of the fields, and with them a second Host.
  server.maxHeadersCount = 0
  server.setTimeout(idleMs)
  server.on('connect', connect)
  // Who waits to be told to go on gets the answer at once, and then the connection's end: no body is taken here. Left to
  // itself Node says "100 Continue", and to a request that came behind another in the midst of its answer.
  server.on('checkContinue', answer)
  server.on('clientError', refuse)
  const [http] = server.listeners('connection') as [(socket: Socket) => void]
  server.removeListener('connection', http)
  const slowLane = (socket: Socket) => http.call(server, socket)
  const lane = deps.atHand && new FastLane({ atHand: deps.atHand, slowLane, firstMs: headMs, idleMs: keepAliveMs })
  server.lane = lane
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections += 1
    socket.once('close', () => {
      connections -= 1
    })
    if (connections > mostConnections) endWith(socket, tooMany)
    else if (lane) lane.enter(socket)
    else slowLane(socket)
  })
  return server
}

/** An HTTP server whose connections are not all Node's own. */
class Front extends Server {
  lane: FastLane | undefined

  override closeIdleConnections(): void {
    this.lane?.close(false)
    super.closeIdleConnections()
  }

  override closeAllConnections(): void {
    this.lane?.close(true)
    super.closeAllConnections()
  }
}

const tooMany: Trouble = { status: 503, message: 'there are too many connections already; try again in a moment' }

/** Node's parser could make nothing of what came, or it came too slowly. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  const sent = (socket as Partial<Socket>).bytesWritten ?? 0
  // Once something has been sent, words of the cache's own could be taken for a part of it.
  if (error.code === 'ECONNRESET' || !socket.writable || sent > 0) socket.destroy()
  else endWith(socket, troubleWith(error.code ?? ''))
}

function troubleWith(code: string): Trouble {
  if (code === 'HPE_HEADER_OVERFLOW')
    return { status: 431, message: `a request's head may have ${mostHeadBytes} bytes` }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { status: 408, message: 'no whole request came in time' }
  return { status: 400, message: 'this is no request as RFC 9112 has them' }
}

/** How many connections may be open at a time. */
function connectionsFor(openFiles: number): number {
  return Math.max(64, openFiles - reserved)
}

/** How many descriptors this process may have; Node raises the limit as far as it may when it starts. */
function openFilesLimit(): number {
  try {
    const [, soft = ''] = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === 'unlimited' ? 1_000_000 : Number(soft) || 4096
  } catch {
    // No /proc: what every system allows.
    return 4096
  }
}
