import { createHash } from 'node:crypto'
import { CausewayError } from '../../src/base/errors.ts'
import type {
  Completion,
  Extent,
  Incoming,
  IncomingHead,
  Kept,
  Listed,
  Purged,
  Selection,
  Store,
  Stored,
  Usage,
  Verified,
} from '../../src/cache/store/port.ts'

interface Row {
  readonly kept: Kept
  readonly body: Buffer
  readonly fetchMs: number
  uses: number
}

interface Partial {
  readonly head: IncomingHead
  readonly bytes: Buffer
  readonly present: readonly Extent[]
}

/** What a memory store can be made to do wrong. */
export interface Trouble {
  /** Called before each `begin` and `write`; what it throws, the operation throws. */
  before?: (operation: 'begin' | 'write' | 'commit', key: string) => void
  /** What a commit waits for. */
  committing?: Promise<void>
}

/** A store in memory that keeps the contract of `store/port.ts`, and counts what was done with it. */
export class MemoryStore implements Store {
  troubled = false
  readonly trouble: Trouble
  /** Bodies that are on their way now: 0 when every `begin` and `resume` was ended and closed. */
  open = 0
  readonly #rows = new Map<string, Row>()
  readonly #partials = new Map<string, Partial>()
  readonly #digests = new Map<string, string>()
  readonly #pins = new Map<string, readonly string[]>()

  constructor(trouble: Trouble = {}) {
    this.trouble = trouble
  }

  failed(): void {
    this.troubled = true
  }

  peek(key: string): Stored | undefined {
    const row = this.#rows.get(key)
    return row && row.body.length <= 64 * 1024 ? stored(row) : undefined
  }

  find(key: string): Promise<Stored | undefined> {
    const row = this.#rows.get(key)
    if (row) row.uses += 1
    return Promise.resolve(row && stored(row))
  }

  begin(head: IncomingHead): Promise<Incoming> {
    return attempt(() => {
      this.trouble.before?.('begin', head.key)
      this.#partials.delete(head.key)
      return this.#incoming(head, Buffer.alloc(0), [])
    })
  }

  resume(key: string): Promise<Incoming | undefined> {
    const partial = this.#partials.get(key)
    this.#partials.delete(key)
    return Promise.resolve(partial && this.#incoming(partial.head, partial.bytes, partial.present))
  }

  /** What a process that dies now leaves to the next one: what was suspended or is under way, in whole blocks. */
  readonly #underWay = new Set<() => void>()
  crash(): void {
    for (const leave of this.#underWay) leave()
    this.#underWay.clear()
  }

  #incoming(head: IncomingHead, began: Buffer, present: readonly Extent[]): Incoming {
    let bytes = began
    let have = present
    let state: 'open' | 'ended' = 'open'
    let closed = false
    this.open += 1
    const resumable = strong(head)
    let left = head
    const leave = () => {
      if (state !== 'open') return
      state = 'ended'
      if (resumable && have.length > 0) this.#partials.set(head.key, { head: left, bytes, present: have })
    }
    this.#underWay.add(leave)
    const end = () => {
      if (state !== 'open') throw new Error(`${head.key} was ended already`)
      state = 'ended'
      this.#underWay.delete(leave)
    }
    return {
      head,
      present,
      write: (chunk, position) =>
        attempt(() => {
          if (closed) throw new Error(`${head.key} is closed`)
          this.trouble.before?.('write', head.key)
          const to = position + chunk.length
          for (const { start, end } of have) {
            if (position < end && start < to) throw new Error(`bytes ${position}-${to} of ${head.key} come twice`)
          }
          if (to > bytes.length) {
            const grown = Buffer.alloc(Math.max(to, bytes.length * 2))
            bytes.copy(grown)
            bytes = grown
          }
          chunk.copy(bytes, position)
          have = joined([...have, { start: position, end: to }])
        }),
      mix: () =>
        attempt(() => {
          const { etag: _, 'last-modified': __, ...headers } = head.headers
          left = { ...head, headers }
        }),
      read: (into, position) =>
        attempt(() => {
          if (closed) throw new Error(`${head.key} is closed`)
          const extent = have.find(({ start, end }) => start <= position && position < end)
          if (!extent) throw new Error(`byte ${position} of ${head.key} is not there`)
          return bytes.copy(into, 0, position, Math.min(extent.end, position + into.length))
        }),
      commit: async ({ length, validatedAtMs, fetchMs }: Completion) => {
        await this.trouble.committing
        return attempt(() => {
          this.trouble.before?.('commit', head.key)
          end()
          const whole =
            have.length === 0 ? length === 0 : have.length === 1 && have[0]?.start === 0 && have[0].end === length
          if (!whole) throw new Error(`${head.key} is not complete: ${JSON.stringify(have)} of ${length}`)
          const body = Buffer.from(bytes.subarray(0, length))
          const { expected } = head
          if (expected && createHash(expected.algorithm).update(body).digest('hex') !== expected.digest) {
            throw new CausewayError('DigestMismatch', `${head.key} is not what its index says`)
          }
          const sha256 = createHash('sha256').update(body).digest('hex')
          const kept = { key: head.key, status: head.status, headers: head.headers, length, sha256, validatedAtMs }
          this.#rows.set(head.key, { kept, body, fetchMs, uses: 0 })
          this.#digests.set(head.key, sha256)
          return kept
        })
      },
      suspend: () =>
        attempt(() => {
          leave()
          this.#underWay.delete(leave)
        }),
      discard: () =>
        attempt(() => {
          state = 'ended'
          this.#underWay.delete(leave)
        }),
      close: () =>
        attempt(() => {
          if (closed) throw new Error(`${head.key} is closed twice`)
          closed = true
          this.open -= 1
        }),
    }
  }

  link(sha256: string, kept: Omit<Kept, 'length' | 'sha256'>): Promise<boolean> {
    const row = [...this.#rows.values()].find((row) => row.kept.sha256 === sha256)
    if (row) this.#rows.set(kept.key, { ...row, kept: { ...kept, sha256, length: row.body.length } })
    return Promise.resolve(row !== undefined)
  }

  touch(key: string, headers: Kept['headers'], validatedAtMs: number): Promise<void> {
    const row = this.#rows.get(key)
    if (row) this.#rows.set(key, { ...row, kept: { ...row.kept, headers, validatedAtMs } })
    return Promise.resolve()
  }

  remove(key: string): Promise<void> {
    this.#rows.delete(key)
    return Promise.resolve()
  }

  lastDigest(key: string): string | undefined {
    return this.#digests.get(key)
  }

  pin(name: string, keys: readonly string[]): void {
    this.#pins.set(name, keys)
  }

  unpin(name: string): void {
    this.#pins.delete(name)
  }

  list({ prefix = '', limit = Number.POSITIVE_INFINITY }: Selection): Listed[] {
    const rows = [...this.#rows.entries()].filter(([key]) => key.startsWith(prefix)).slice(0, limit)
    return rows.map(([key, { kept, fetchMs, uses }]) => {
      const pins = [...this.#pins].filter(([, keys]) => keys.includes(key)).map(([name]) => name)
      return { ...kept, storedAtMs: kept.validatedAtMs, usedAtMs: kept.validatedAtMs, uses, fetchMs, pins }
    })
  }

  each(selection: Selection): Listed[] {
    return this.list(selection)
  }

  verify(selection: Selection): Promise<Verified> {
    const listed = this.list(selection)
    return Promise.resolve({
      responses: listed.length,
      bytes: listed.reduce((sum, { length }) => sum + length, 0),
      damaged: [],
    })
  }

  purge(selection: Selection): Promise<Purged> {
    const selected = this.list(selection)
    const gone = selected.filter(({ pins }) => pins.length === 0)
    for (const { key } of gone) this.#rows.delete(key)
    return Promise.resolve({ removed: gone.length, pinned: selected.length - gone.length })
  }

  usage(): Promise<Usage> {
    const bodies = new Map([...this.#rows.values()].map(({ kept, body }) => [kept.sha256, body.length]))
    const partials = [...this.#partials.values()].flatMap(({ present }) => present)
    return Promise.resolve({
      responses: this.#rows.size,
      bytes: [...bodies.values()].reduce((sum, length) => sum + length, 0),
      partialBytes: partials.reduce((sum, { start, end }) => sum + end - start, 0),
      evictedBytes: 0,
      quota: undefined,
      freeBytes: Number.MAX_SAFE_INTEGER,
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** What `run` gives or throws, as a promise. */
function attempt<T>(run: () => T): Promise<T> {
  return new Promise((resolve) => resolve(run()))
}

function stored({ kept, body }: Row): Stored {
  return {
    ...kept,
    body: body.length <= 64 * 1024 ? body : null,
    read: (into, position) => Promise.resolve(body.copy(into, 0, Math.min(position, body.length))),
    close: () => Promise.resolve(),
  }
}

function strong({ headers, expected }: IncomingHead): boolean {
  if (expected !== undefined || headers['last-modified'] !== undefined) return true
  return headers['etag']?.startsWith('"') === true
}

function joined(extents: readonly Extent[]): Extent[] {
  const result: Extent[] = []
  for (const extent of extents.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1)
    if (last && last.end === extent.start) result[result.length - 1] = { start: last.start, end: extent.end }
    else result.push(extent)
  }
  return result
}
