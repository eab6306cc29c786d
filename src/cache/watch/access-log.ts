import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from '../../base/log.ts'
import type { Outcome } from '../door/reply.ts'

/** One answered request. */
export interface AccessRecord {
  /** When the request came, milliseconds since the epoch. */
  readonly timeMs: number
  /** The client's address. */
  readonly client: string
  readonly method: string
  readonly url: string
  /** The origin's host; null for a request that was refused. */
  readonly origin: string | null
  readonly status: number
  readonly outcome: Outcome
  /** Bytes of the body that were sent. */
  readonly bytes: number
  /** Milliseconds until the last byte was handed to the socket. */
  readonly ms: number
}

/** Milliseconds that lines are gathered, to be written in one go. */
const gatherMs = 100

/** Bytes that are gathered at most: no line is longer, as no request's head is longer than 16 KiB. */
const gatherBytes = 128 * 1024

/** Bytes that may wait for a slow disk; what comes on top is lost rather than held in memory. */
const mayWait = 4 * 1024 * 1024

/** A file of JSON lines, one per request. A log that can't be written never stops the cache. */
export class AccessLog {
  readonly #stream: WriteStream
  #broken = false
  /** Lines as bytes: strings that live for so long would be moved about by the garbage collector. */
  readonly #gathered = Buffer.allocUnsafeSlow(gatherBytes)
  #filled = 0
  /** The second that was written last, milliseconds since the epoch, and how. */
  #second = Number.NaN
  #written = ''
  #timer: NodeJS.Timeout | undefined

  private constructor(stream: WriteStream, log: Logger) {
    this.#stream = stream
    stream.on('error', (error) => {
      this.#broken = true
      log.error({ err: error }, 'the access log can not be written; going on without it')
    })
  }

  /** Appends, so that the file may be emptied while it is written. Rejects where it can't be opened. */
  static async open(file: string, log: Logger): Promise<AccessLog> {
    await mkdir(dirname(file), { recursive: true })
    const stream = createWriteStream(file, { flags: 'a', mode: 0o640 })
    await once(stream, 'open')
    return new AccessLog(stream, log)
  }

  write(record: AccessRecord): void {
    const line = this.#line(record)
    // No character takes more than three bytes for each of its units of UTF-16.
    if (this.#gathered.length - this.#filled < 3 * line.length) this.#pass()
    this.#filled += this.#gathered.write(line, this.#filled)
    this.#timer ??= setTimeout(() => this.#pass(), gatherMs)
  }

  /** Put together by hand, which is several times as quick as having a record stringified. */
  #line({ timeMs, client, method, url, origin, status, outcome, bytes, ms }: AccessRecord): string {
    const who = `"time":"${this.#iso(timeMs)}","client":${JSON.stringify(client)}`
    const what = `"method":${JSON.stringify(method)},"url":${JSON.stringify(url)},"origin":${JSON.stringify(origin)}`
    return `{${who},${what},"status":${status},"outcome":"${outcome}","bytes":${bytes},"ms":${ms}}\n`
  }

  /** ISO 8601. Most lines are of the same second as the one before. */
  #iso(timeMs: number): string {
    const ms = Math.floor(timeMs)
    const within = ms % 1000
    if (ms - within !== this.#second) {
      this.#second = ms - within
      this.#written = new Date(this.#second).toISOString().slice(0, -'000Z'.length)
    }
    return `${this.#written}${String(within).padStart(3, '0')}Z`
  }

  #pass(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const lines = this.#gathered.subarray(0, this.#filled)
    if (!this.#broken && this.#stream.writableLength <= mayWait) this.#stream.write(Buffer.from(lines))
    this.#filled = 0
  }

  close(): Promise<void> {
    this.#pass()
    if (this.#broken) return Promise.resolve()
    return new Promise((resolve) => this.#stream.end(() => resolve()))
  }
}
