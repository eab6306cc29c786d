import type { Socket } from 'node:net'

/** A response as it goes onto the wire. */
export interface Ready {
  readonly head: Buffer
  readonly body: Buffer
}

export interface FastLaneDeps {
  /** What answers a request at once, from memory, by its head with each byte a character; undefined: not this one. */
  readonly atHand: (head: string, client: string) => Ready | undefined
  /** Takes over a connection for good. What it read of it comes again. */
  readonly slowLane: (socket: Socket) => void
  /** Milliseconds until a new connection has to have asked for something. */
  readonly firstMs: number
  /** Milliseconds that it may stay silent after that. */
  readonly idleMs: number
}

const headEnd = Buffer.from('\r\n\r\n')

/** A longer head is not for here. */
const mostHeadBytes = 2048

/** Bytes of answers that a client hasn't taken yet after which it gets no more here: it is not to fill the memory. */
const mostWaiting = 256 * 1024

/**
 * Answers the plainest of requests without Node's HTTP server, which costs as much for each small file as all the rest:
 * whole `GET`s that came in one piece, with nothing but harmless fields, for small files in memory that are fresh. A
 * connection goes to the HTTP server with the first request that is anything else, and stays there.
 */
export class FastLane {
  readonly #deps: FastLaneDeps
  readonly #sockets = new Set<Socket>()

  constructor(deps: FastLaneDeps) {
    this.#deps = deps
  }

  /** Begins with a new connection. */
  enter(socket: Socket): void {
    const { slowLane, firstMs, idleMs } = this.#deps
    const client = socket.remoteAddress ?? ''
    const leave = () => {
      this.#sockets.delete(socket)
      socket.off('data', onData).off('end', onEnd).off('error', onError).off('timeout', onError).off('close', leave)
    }
    const onData = (bytes: Buffer) => {
      const answered = this.#answer(socket, bytes, client)
      if (answered === bytes.length) {
        if (socket.timeout !== idleMs) socket.setTimeout(idleMs)
        return
      }
      leave()
      socket.setTimeout(0)
      socket.pause()
      socket.unshift(bytes.subarray(answered))
      slowLane(socket)
      socket.resume()
    }
    const onEnd = () => socket.end()
    const onError = () => socket.destroy()
    this.#sockets.add(socket)
    socket.setTimeout(firstMs)
    socket.on('data', onData).on('end', onEnd).on('error', onError).on('timeout', onError).on('close', leave)
  }

  /** Answers the requests that some bytes begin with, as far as they are for here; returns how many bytes these were. */
  #answer(socket: Socket, bytes: Buffer, client: string): number {
    let at = 0
    socket.cork()
    while (at < bytes.length && socket.writableLength < mostWaiting) {
      const end = bytes.indexOf(headEnd, at) + headEnd.length
      if (end < at + headEnd.length || end - at > mostHeadBytes) break
      const found = this.#deps.atHand(bytes.toString('latin1', at, end), client)
      if (!found) break
      socket.write(found.head)
      socket.write(found.body)
      at = end
    }
    socket.uncork()
    return at
  }

  /** Closes the connections here: those that have got what they asked for, or all of them. */
  close(all: boolean): void {
    for (const socket of this.#sockets) if (all || socket.writableLength === 0) socket.destroy()
  }
}
