import { Readable } from 'node:stream'
import { CausewayError } from '../../../src/base/errors.ts'
import type { Headers } from '../../../src/cache/headers.ts'
import type { Upstream, UpstreamAsk, UpstreamResponse } from '../../../src/cache/upstream/ask.ts'

/** What an origin does with one request. */
export interface Behaviour {
  /** It can't be reached. */
  readonly away?: boolean
  /** Another status than the right one, with a short body. */
  readonly status?: number
  /** The connection breaks after that many bytes of this body. */
  readonly breakAfter?: number
  /** That many bytes too few come, and then a clean end. */
  readonly short?: number
  /** No `Content-Length`. */
  readonly chunked?: boolean
  /** It answers ranges with the whole. */
  readonly ignoresRanges?: boolean
  /** Added to where the part begins, in Content-Range and in the bytes. */
  readonly shift?: number
  /** Headers instead of, or besides, the right ones. */
  readonly headers?: Headers
  /** Bytes a step. */
  readonly step?: number
  /** What it says of the round trip. */
  readonly headMs?: number
}

/** What an upstream was asked for, and how much of it was taken. */
export interface Asked {
  readonly path: string
  readonly range: string | undefined
  readonly ifRange: string | undefined
  readonly place: string
  /** Bytes of the body that were handed out. */
  bytes: number
}

export interface FakeFile {
  readonly body: Buffer
  readonly headers: Headers
}

/** Origins in memory that do what they are told: see `Behaviour`. */
export class FakeUpstream implements Upstream {
  readonly asked: Asked[] = []
  /** The file that a place has; undefined: 404. */
  file: (path: string, place: string) => FakeFile | undefined
  /** How it behaves at the `count`th request, from 0. */
  behave: (count: number, ask: UpstreamAsk, place: string) => Behaviour
  readonly #places: readonly string[]

  constructor(file: (path: string, place: string) => FakeFile | undefined, places: readonly string[] = ['http://one']) {
    this.file = file
    this.behave = () => ({})
    this.#places = places
  }

  /** Bytes that were handed out in all. */
  get bytes(): number {
    return this.asked.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async ask(ask: UpstreamAsk): Promise<UpstreamResponse> {
    await new Promise((resolve) => setImmediate(resolve))
    const place = this.#places.find((each) => (ask.place ?? each) === each && !ask.avoid?.includes(each))
    if (place === undefined) throw new CausewayError('OriginUnreachable', 'no place is left to ask')
    const behaviour = this.behave(this.asked.length, ask, place)
    const { range, 'if-range': ifRange, 'if-none-match': tag } = ask.headers
    const asked: Asked = { path: ask.path, range, ifRange, place, bytes: 0 }
    this.asked.push(asked)
    if (behaviour.away) throw new CausewayError('OriginUnreachable', `${place} is away`)
    const file = this.file(ask.path, place)
    const status = behaviour.status ?? (file ? 200 : 404)
    if (!file || status !== 200) return respond(place, status, {}, Buffer.from(`status ${status}`), behaviour, asked)
    if (tag !== undefined && tag === file.headers['etag']) {
      return respond(place, 304, file.headers, Buffer.alloc(0), behaviour, asked)
    }
    const headers = { 'accept-ranges': 'bytes', ...file.headers, ...behaviour.headers }
    const part = behaviour.ignoresRanges ? undefined : partOf(range, file.body.length)
    const valid = ifRange === undefined || ifRange === file.headers['etag']
    if (part === 'unsatisfiable') {
      return respond(place, 416, { 'content-range': `bytes */${file.body.length}` }, Buffer.alloc(0), behaviour, asked)
    }
    if (!part || !valid) return respond(place, 200, headers, file.body, behaviour, asked)
    const start = Math.max(0, part.start + (behaviour.shift ?? 0))
    const told = { 'content-range': `bytes ${start}-${part.end - 1}/${file.body.length}`, ...headers }
    return respond(place, 206, told, file.body.subarray(start, part.end), behaviour, asked)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

function respond(
  place: string,
  status: number,
  headers: Headers,
  body: Buffer,
  { breakAfter, short = 0, chunked = false, step = 50_000, headMs }: Behaviour,
  asked: Asked,
): UpstreamResponse {
  async function* pieces(): AsyncGenerator<Buffer> {
    const end = Math.min(body.length - short, breakAfter ?? Number.POSITIVE_INFINITY)
    for (let at = 0; at < end; at += step) {
      await new Promise((resolve) => setImmediate(resolve))
      const piece = body.subarray(at, Math.min(end, at + step))
      asked.bytes += piece.length
      yield piece
    }
    if (breakAfter !== undefined && breakAfter < body.length) throw new Error('the connection broke')
  }
  return {
    status,
    headers,
    length: chunked ? undefined : body.length,
    framed: true,
    body: Readable.from(pieces(), { highWaterMark: 1 }) as UpstreamResponse['body'],
    place,
    ...(headMs === undefined ? {} : { headMs }),
  }
}

function partOf(range: string | undefined, length: number) {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? []
  if (range === undefined || (from === '' && to === '')) return undefined
  if (from === '') return { start: Math.max(0, length - Number(to)), end: length }
  if (Number(from) >= length) return 'unsatisfiable'
  return { start: Number(from), end: to === '' ? length : Math.min(length, Number(to) + 1) }
}
