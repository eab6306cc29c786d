import { type CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Wanted } from '../fill/wanted.ts'

/** What bringing a file came to. */
export interface Brought {
  /** Whether it was there already. */
  readonly kept: boolean
  /** Of the body. */
  readonly bytes: number
}

/** What the queue needs of the cache. */
export interface Bringing {
  /** Sees to it that a file is kept, by fetching it unless it is. */
  bring(wanted: Wanted): Promise<Brought>
  /** Whether somebody else has it on its way already. */
  isRunning(key: string): boolean
  /** How many files are on their way for clients: their line is not taken from them. */
  clientFetches(): number
}

/** A file that could not be brought. */
export interface NotBrought {
  readonly key: string
  readonly error: CausewayError
}

/** How far a batch is. */
export interface Progress {
  /** Files that are there, or could not be brought. */
  readonly files: number
  readonly ofFiles: number
  /** Bytes of the files that are there. */
  readonly bytes: number
  /** Of them, bytes that were fetched now. */
  readonly fetchedBytes: number
  /** Bytes of the whole batch as far as indexes say. */
  readonly ofBytes: number
  readonly failed: readonly NotBrought[]
}

/**
 * When a batch is wanted:
 * - `now`: a client is installing it at this moment.
 * - `later`: clients will come.
 */
export type When = 'now' | 'later'

/** Files that were wanted together. */
export interface Batch {
  readonly progress: Progress
  /** Called after each file; returns a function that ends that. */
  watch(told: (progress: Progress) => void): () => void
  /** Resolves when none of it is left to bring; it never rejects. */
  readonly done: Promise<Progress>
}

/** Files on their way at once while no client fetches anything: enough to keep a line of some 100 ms full. */
const width = 6

/** So many even while clients fetch: what they want comes from what is brought here, too. */
const leastWidth = 2

interface Job {
  readonly wanted: Wanted
  readonly batches: OpenBatch[]
  when: When
  running: boolean
}

/**
 * What the cache fetches of its own accord: each file once, a few at a time, fewer while clients fetch. What a client is
 * just installing comes before what is for later. A client that wants a file of it needs nothing of this: it fetches or
 * joins by itself, and the queue passes over what somebody else brings.
 */
export class AheadQueue {
  readonly #bringing: Bringing
  readonly #jobs = new Map<string, Job>()
  readonly #waiting: Record<When, Set<Job>> = { now: new Set(), later: new Set() }
  readonly #active = new Set<Promise<void>>()
  #closed = false

  constructor(bringing: Bringing) {
    this.#bringing = bringing
  }

  /** Files that wait for their turn. */
  get waiting(): number {
    return this.#waiting.now.size + this.#waiting.later.size
  }

  /** Wants files, in this order. What waits already for `later` and is wanted `now` goes forward. */
  add(files: readonly Wanted[], when: When): Batch {
    const batch = new OpenBatch()
    for (const wanted of files) {
      if (this.#closed || batch.has(wanted.key)) continue
      batch.expect(wanted)
      const job = this.#jobs.get(wanted.key)
      if (!job) {
        const fresh: Job = { wanted, batches: [batch], when, running: false }
        this.#jobs.set(wanted.key, fresh)
        this.#waiting[when].add(fresh)
        continue
      }
      job.batches.push(batch)
      if (when === 'now' && !job.running) this.#hasten(job)
    }
    batch.close()
    this.#fillUp()
    return batch
  }

  /** Gives up what waits, and takes nothing more. */
  giveUp(): void {
    this.#closed = true
    for (const job of [...this.#waiting.now, ...this.#waiting.later]) {
      this.#jobs.delete(job.wanted.key)
      for (const batch of job.batches) batch.giveUp(job.wanted)
    }
    this.#waiting.now.clear()
    this.#waiting.later.clear()
  }

  /** Gives up what waits; resolves when what is under way has ended. */
  async close(): Promise<void> {
    this.giveUp()
    await Promise.all(this.#active)
  }

  #hasten(job: Job): void {
    this.#waiting.later.delete(job)
    job.when = 'now'
    this.#waiting.now.add(job)
  }

  #fillUp(): void {
    const room = Math.max(leastWidth, width - this.#bringing.clientFetches())
    while (this.#active.size < room) {
      const job = this.#next()
      if (!job) return
      this.#waiting[job.when].delete(job)
      job.running = true
      const run = this.#run(job).finally(() => {
        this.#active.delete(run)
        this.#fillUp()
      })
      this.#active.add(run)
    }
  }

  /** What somebody else has on its way comes last: by then it is there. */
  #next(): Job | undefined {
    let running: Job | undefined
    for (const waiting of [this.#waiting.now, this.#waiting.later]) {
      for (const job of waiting) {
        if (!this.#bringing.isRunning(job.wanted.key)) return job
        running ??= job
      }
    }
    return running
  }

  async #run(job: Job): Promise<void> {
    const { key } = job.wanted
    try {
      const brought = await this.#bringing.bring(job.wanted)
      this.#jobs.delete(key)
      for (const batch of job.batches) batch.brought(job.wanted, brought)
    } catch (thrown) {
      this.#jobs.delete(key)
      for (const batch of job.batches) batch.failed(key, toCausewayError(thrown))
    }
  }
}

class OpenBatch implements Batch {
  readonly done: Promise<Progress>
  readonly #resolve: (progress: Progress) => void
  readonly #keys = new Set<string>()
  readonly #watchers = new Set<(progress: Progress) => void>()
  readonly #failed: NotBrought[] = []
  #files = 0
  #bytes = 0
  #fetchedBytes = 0
  #ofBytes = 0
  #complete = false

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Progress>()
    this.done = promise
    this.#resolve = resolve
  }

  get progress(): Progress {
    return {
      files: this.#files,
      ofFiles: this.#keys.size,
      bytes: this.#bytes,
      fetchedBytes: this.#fetchedBytes,
      ofBytes: Math.max(this.#ofBytes, this.#bytes),
      failed: [...this.#failed],
    }
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  expect({ key, expected }: Wanted): void {
    this.#keys.add(key)
    this.#ofBytes += expected?.bytes ?? 0
  }

  /** Nothing more is expected. */
  close(): void {
    this.#complete = true
    this.#tell()
  }

  brought({ expected }: Wanted, { kept, bytes }: Brought): void {
    this.#files += 1
    this.#bytes += bytes
    this.#ofBytes += bytes - (expected?.bytes ?? 0)
    if (!kept) this.#fetchedBytes += bytes
    this.#tell()
  }

  failed(key: string, error: CausewayError): void {
    this.#files += 1
    this.#failed.push({ key, error })
    this.#tell()
  }

  giveUp({ key, expected }: Wanted): void {
    this.#keys.delete(key)
    this.#ofBytes -= expected?.bytes ?? 0
    this.#tell()
  }

  watch(told: (progress: Progress) => void): () => void {
    this.#watchers.add(told)
    return () => this.#watchers.delete(told)
  }

  #tell(): void {
    const { progress } = this
    for (const told of this.#watchers) told(progress)
    if (this.#complete && this.#files === this.#keys.size) this.#resolve(progress)
  }
}
