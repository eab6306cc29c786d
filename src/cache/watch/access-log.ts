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

/** Bytes that may wait for a slow disk; what comes on top is lost rather than held in memory. */
const mayWait = 4 * 1024 * 1024

/** A file of JSON lines, one per request. A log that can't be written never stops the cache. */
export class AccessLog {
  readonly #stream: WriteStream
  #broken = false
  #gathered = ''
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
    const { timeMs, ...rest } = record
    this.#gathered += `${JSON.stringify({ time: this.#iso(timeMs), ...rest })}\n`
    this.#timer ??= setTimeout(() => this.#pass(), gatherMs)
  }

  /** ISO 8601. Most lines are of the same second as the one before. */
  #iso(ms: number): string {
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
    if (!this.#broken && this.#stream.writableLength <= mayWait) this.#stream.write(this.#gathered)
    this.#gathered = ''
  }

  close(): Promise<void> {
    this.#pass()
    if (this.#broken) return Promise.resolve()
    return new Promise((resolve) => this.#stream.end(() => resolve()))
  }
}
