import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { CausewayError } from '../../base/errors.ts'
import { STATUS_CODES } from '../../base/http.ts'

/** An answer of the cache's own: a status, and in plain words why. */
export interface Trouble {
  readonly status: number
  readonly message: string
  /** Nothing is wrong with the request: its connection may serve others. */
  readonly goesOn?: boolean
}

/** Refuses in plain words, and mostly closes: what else is on this connection is not looked at. */
export function sayNo(res: ServerResponse, trouble: Trouble): void {
  res.writeHead(trouble.status, headersOf(trouble))
  res.end(bodyOf(trouble))
}

/** Milliseconds that a client has for hearing why, and for closing its end. */
const lastWordsMs = 500

/**
 * The same where there is no request that could be answered, only a connection. It is over soon, whatever the client does:
 * nobody else watches it any more.
 */
export function endWith(socket: Duplex, trouble: Trouble): void {
  const head = Object.entries(headersOf(trouble)).map(([name, value]) => `${name}: ${value}\r\n`)
  const status = `HTTP/1.1 ${trouble.status} ${STATUS_CODES[trouble.status]}\r\n`
  socket.on('error', () => socket.destroy())
  socket.end(`${status}${head.join('')}\r\n${bodyOf(trouble)}`)
  // Closing at once could take the words away from a client that is still talking.
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), lastWordsMs)
  socket.once('close', () => clearTimeout(timer))
}

function bodyOf({ message }: Trouble): string {
  return `causeway cache: ${message}\n`
}

function headersOf(trouble: Trouble): Record<string, string> {
  return {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(Buffer.byteLength(bodyOf(trouble))),
    'cache-control': 'no-store',
    ...(trouble.goesOn ? {} : { connection: 'close' }),
    ...(trouble.status === 405 ? { allow: 'GET, HEAD' } : {}),
  }
}

/** A client wanted only what is kept and fresh, and this isn't. RFC 9111, section 5.2.1.7. */
export const notKept: Trouble = {
  status: 504,
  message: 'it is not kept here, and only what is kept was asked for',
  goesOn: true,
}

/** A cache asks for what this one waits for, and this one waits for that cache. RFC 5842, section 7.2. */
export const comesRound: Trouble = {
  status: 508,
  message: 'this cache waits for the cache that the request came from: it would loop',
  goesOn: true,
}

/** What a client is told when its request could not be answered: that it isn't its fault, whose it is, and what helps. */
export function troubleOf(error: unknown, host: string): Trouble {
  const said = error instanceof Error ? error.message : String(error)
  const code = error instanceof CausewayError ? error.code : 'Internal'
  if (code === 'OriginUnreachable') {
    const away = `${host} can not be reached, and this file is not kept here: ${said}`
    return { status: 504, message: `${away}\nWhat is kept is served. Try again when the way to ${host} is whole.` }
  }
  if (code === 'TargetRefused') {
    const refused = `${host} led to where this cache may not go: ${said}`
    return { status: 502, message: `${refused}\nIf it is to go there, its configuration has to say so.` }
  }
  if (code === 'DigestMismatch' || code === 'BadSignature') {
    return { status: 502, message: `what ${host} sent is not what it should be, and is not passed on: ${said}` }
  }
  if (code === 'NotFound') return { status: 404, message: said }
  if (code === 'Overloaded') return { status: 503, message: said }
  return { status: 502, message: `${host} gave no answer that can be used: ${said}` }
}
