import type { FileHandle } from 'node:fs/promises'
import { chmod, mkdir, open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Clock } from '../base/clock.ts'
import { toCausewayError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { View } from './loop.ts'
import { encodeRound, essenceOf } from './recording.ts'

const dayMs = 86_400_000

/** Files of recordings: `rounds-2026-11-22T190500Z.jsonl.gz`, by the time of their first line. */
const fileName = /^rounds-(\d{4}-\d\d-\d\d)T(\d\d)(\d\d)(\d\d)Z\.jsonl\.gz$/

/**
 * Writes down what the loop saw and decided, a line for each round in which anything changed: a file for each start of the
 * controller and each day, packed, readable by its owner only (it tells who ran what). Old files are deleted.
 *
 * Never in the way: rounds are not waited for, one that comes while the last is still being written is left out, and a disk
 * that is full is an error in the log.
 */
export class Recorder {
  readonly #folder: string
  readonly #keepMs: number
  readonly #clock: Clock
  readonly #log: Logger
  #last = ''
  #file: { handle: FileHandle; day: number } | null = null
  #writing: Promise<void> | null = null

  /** @param options.keepMs how long files are kept after the day they are for */
  constructor(options: { folder: string; keepMs: number }, clock: Clock, log: Logger) {
    this.#folder = options.folder
    this.#keepMs = options.keepMs
    this.#clock = clock
    this.#log = log
  }

  /** Takes a round down, once what it has decided is under way. */
  record(round: Pick<View, 'observation' | 'plan'>): void {
    if (this.#writing) return
    this.#writing = new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#writeIfNew(round))
      .catch((thrown: unknown) => {
        this.#log.error({ err: toCausewayError(thrown), folder: this.#folder }, 'a round could not be recorded')
      })
      .finally(() => {
        this.#writing = null
      })
  }

  /** Resolves when all that was taken is written. */
  async close(): Promise<void> {
    await this.#writing
    await this.#file?.handle.close()
    this.#file = null
  }

  /** Each line is a complete gzip member: what a crash cuts off is one line. */
  async #writeIfNew(round: Pick<View, 'observation' | 'plan'>): Promise<void> {
    const essence = essenceOf(round)
    if (essence === this.#last) return
    this.#last = essence
    const packed = await promisify(gzip)(`${encodeRound(round)}\n`)
    const { handle } = await this.#current()
    await handle.write(packed)
  }

  async #current() {
    const now = this.#clock.now()
    const day = Math.floor(now / dayMs)
    if (this.#file?.day === day) return this.#file
    await this.#file?.handle.close()
    this.#file = null
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await chmod(this.#folder, 0o700)
    await this.#deleteOld(now)
    const time = new Date(now).toISOString().slice(0, 19).replaceAll(':', '')
    const handle = await open(join(this.#folder, `rounds-${time}Z.jsonl.gz`), 'a', 0o600)
    this.#file = { handle, day }
    return this.#file
  }

  async #deleteOld(now: number): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const [, date, hours, minutes, seconds] = fileName.exec(name) ?? []
      if (date === undefined) continue
      const beganMs = Date.parse(`${date}T${hours}:${minutes}:${seconds}Z`)
      if (now - beganMs > this.#keepMs + dayMs) await unlink(join(this.#folder, name))
    }
  }
}
