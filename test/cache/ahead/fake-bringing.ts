import type { Bringing, Brought } from '../../../src/cache/ahead/queue.ts'
import type { Wanted } from '../../../src/cache/fill/wanted.ts'
import { originsOf } from '../../../src/cache/origins.ts'
import { settingsFor } from '../settings-for.ts'

/** A cache that brings a file when the test says so. */
export class FakeBringing implements Bringing {
  /** Keys in the order in which they were asked for. */
  readonly asked: string[] = []
  /** What clients fetch. */
  readonly clients = new Set<string>()
  readonly kept = new Set<string>()
  most = 0
  readonly #open = new Map<string, PromiseWithResolvers<Brought>>()

  bring({ key }: Wanted): Promise<Brought> {
    this.asked.push(key)
    const open = Promise.withResolvers<Brought>()
    this.#open.set(key, open)
    this.most = Math.max(this.most, this.#open.size)
    return open.promise
  }

  isRunning(key: string): boolean {
    return this.clients.has(key)
  }

  clientFetches(): number {
    return this.clients.size
  }

  /** Keys on their way. */
  get open(): string[] {
    return [...this.#open.keys()]
  }

  /** Ends one, and lets the queue see it. */
  async end(key: string, result: Partial<Brought> | Error = {}): Promise<void> {
    const open = this.#open.get(key)
    if (!open) throw new Error(`${key} was not asked for`)
    this.#open.delete(key)
    if (result instanceof Error) open.reject(result)
    else open.resolve({ kept: this.kept.has(key), bytes: 10, ...result })
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Ends all there are and all that come after them. */
  async endAll(): Promise<void> {
    while (this.#open.size > 0) for (const key of this.open) await this.end(key)
  }
}

const [origin] = originsOf(
  settingsFor({ listen: '127.0.0.1:0', store: '/s', origins: { 'mirror.lab': { address: '127.0.0.1' } } }),
).values()

/** A package of the lab's origin. */
export function wanted(name: string, bytes?: number): Wanted {
  if (!origin) throw new Error('there is one origin')
  const path = `/pool/${name}`
  const expected = bytes === undefined ? undefined : { algorithm: 'sha256' as const, digest: 'ab'.repeat(32), bytes }
  return { origin, path, key: name, kind: 'package', expected }
}
