import type { Headers } from '../headers.ts'
import { httpDate } from '../rules/http-date.ts'

/**
 * How a request was answered; `x-cache` and the access log say it. `absent`: only what is kept was asked for, as siblings
 * do, and it is not.
 */
export type Outcome = 'hit' | 'miss' | 'joined' | 'revalidated' | 'stale' | 'absent' | 'refused' | 'failed'

/** What the cache has for a request. */
export interface Available {
  readonly status: number
  readonly headers: Headers
  /** Bytes of the body; undefined while an origin that doesn't say is still sending. */
  readonly length: number | undefined
  /** Whole seconds. */
  readonly age: number
  readonly outcome: Outcome
}

/** What to send: a head, and the bytes of the body from `start` up to but without `end`. */
export interface Reply {
  readonly status: number
  /** Names and values in turn, ready for `writeHead`. */
  readonly headers: string[]
  readonly start: number
  /** Undefined: to the end of the body, wherever that is. */
  readonly end: number | undefined
}

/** Decides what a client gets of what is available: all, a range, "not modified", or only the head. */
export function replyTo(method: 'GET' | 'HEAD', asked: Headers, available: Available): Reply {
  const { status, headers, length } = available
  const flat = flatten(available)
  if (status !== 200) return { status, headers: withLength(flat, length), ...bodyOf(method, 0, length) }
  if (isNotModified(asked, headers)) return { status: 304, headers: flat, start: 0, end: 0 }

  flat.push('accept-ranges', 'bytes')
  const range = method === 'GET' && length !== undefined ? rangeFor(asked, headers, length) : undefined
  if (range === 'unsatisfiable') {
    flat.push('content-range', `bytes */${length}`, 'content-length', '0')
    return { status: 416, headers: flat, start: 0, end: 0 }
  }
  if (range) {
    flat.push('content-range', `bytes ${range.start}-${range.end - 1}/${length}`)
    return { status: 206, headers: withLength(flat, range.end - range.start), ...range }
  }
  return { status: 200, headers: withLength(flat, length), ...bodyOf(method, 0, length) }
}

function flatten({ headers, age, outcome }: Available): string[] {
  const flat: string[] = []
  for (const name in headers) if (name !== 'age' && name !== 'accept-ranges') flat.push(name, headers[name] as string)
  flat.push('age', String(age), 'x-cache', outcome)
  return flat
}

function withLength(flat: string[], length: number | undefined): string[] {
  if (length !== undefined) flat.push('content-length', String(length))
  return flat
}

function bodyOf(method: 'GET' | 'HEAD', start: number, end: number | undefined) {
  return method === 'HEAD' ? { start: 0, end: 0 } : { start, end }
}

/** RFC 9110, section 13.2.2: `If-None-Match` decides alone where it is there. */
function isNotModified(asked: Headers, headers: Headers): boolean {
  const wanted = asked['if-none-match']
  if (wanted !== undefined) {
    const own = headers['etag']
    if (own === undefined) return false
    return wanted.split(',').some((tag) => tag.trim() === '*' || opaque(tag) === opaque(own))
  }
  const since = httpDate(asked['if-modified-since'])
  const modified = httpDate(headers['last-modified'])
  return modified <= since
}

/** An entity tag for weak comparison. */
function opaque(tag: string): string {
  return tag.trim().replace(/^W\//, '')
}

/** The single range that a request asks for, if it may have one. RFC 9110, sections 13.1.5 and 14.1.2. */
function rangeFor(asked: Headers, headers: Headers, length: number) {
  if (asked['range'] === undefined || !ifRangeHolds(asked['if-range'], headers)) return undefined
  return readRange(asked['range'], length)
}

function ifRangeHolds(condition: string | undefined, headers: Headers): boolean {
  if (condition === undefined) return true
  if (condition.startsWith('W/')) return false
  return condition.startsWith('"') ? condition === headers['etag'] : condition === headers['last-modified']
}

/**
 * `bytes=0-99` as `{ start: 0, end: 100 }`. Undefined for what need not be understood: other units, several ranges,
 * nonsense; the whole body is then the right answer.
 */
export function readRange(text: string, length: number): { start: number; end: number } | 'unsatisfiable' | undefined {
  const [, from, to] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(text) ?? []
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined
  if (from === '') {
    const start = Math.max(0, length - Number(to))
    return Number(to) === 0 || length === 0 ? 'unsatisfiable' : { start, end: length }
  }
  if (to !== '' && Number(to) < Number(from)) return undefined
  if (Number(from) >= length) return 'unsatisfiable'
  return { start: Number(from), end: to === '' ? length : Math.min(length, Number(to) + 1) }
}
