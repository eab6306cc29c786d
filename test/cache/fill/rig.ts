import { createHash } from 'node:crypto'
import type { TestContext } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Fetches, type Join } from '../../../src/cache/fill/fetches.ts'
import type { Fill } from '../../../src/cache/fill/fill.ts'
import type { FillReader } from '../../../src/cache/fill/fill-reader.ts'
import { type Limits, usualLimits } from '../../../src/cache/fill/limits.ts'
import type { Wanted } from '../../../src/cache/fill/wanted.ts'
import type { Origin } from '../../../src/cache/origins.ts'
import { newCounters } from '../../../src/cache/watch/counters.ts'
import { Traffic } from '../../../src/cache/watch/traffic.ts'
import { atEnd } from '../cleanup.ts'
import { MemoryStore } from '../memory-store.ts'
import { FakeUpstream } from './fake-upstream.ts'

export const quick: Limits = { ...usualLimits, pauseMs: 1, longestPauseMs: 4, lingerMs: 20, gatherMs: 1, sampleMs: 20 }

const origin: Origin = {
  host: 'mirror.lab',
  scheme: 'http',
  address: '127.0.0.1',
  port: 80,
  mirrors: [],
  redirects: [],
  private: true,
  immutable: [],
  keyring: undefined,
}

export function wantedOf(name: string, body?: Buffer): Wanted {
  const path = `/pool/${name}_1_all.deb`
  const expected = body && {
    algorithm: 'sha256' as const,
    digest: createHash('sha256').update(body).digest('hex'),
    bytes: body.length,
  }
  return { origin, path, key: `http://mirror.lab${path}`, kind: 'package', expected }
}

export interface Rig {
  readonly store: MemoryStore
  readonly upstream: FakeUpstream
  readonly fetches: Fetches
  readonly counters: ReturnType<typeof newCounters>
  readonly events: string[]
}

/** Fetches between a store in memory and an upstream in memory. When the test ends, nothing may be left open. */
export function rigOf(
  t: TestContext | undefined,
  upstream: FakeUpstream,
  limits = quick,
  store = new MemoryStore(),
): Rig {
  const counters = newCounters()
  const events: string[] = []
  const fetches = new Fetches({
    store,
    upstream,
    counters,
    traffic: new Traffic(),
    events: { report: (code, subject) => void events.push(`${code} ${subject}`) },
    clock: systemClock,
    log: silentLog,
    limits,
  })
  if (t) {
    atEnd(t, async () => {
      await fetches.stop()
      if (store.open !== 0) throw new Error(`${store.open} bodies were left open in the store`)
    })
  }
  return { store, upstream, fetches, counters, events }
}

/** Reads as the door does. */
export async function readOn(reader: FillReader, start: number, end: number, onBytes?: (position: number) => unknown) {
  const parts: Buffer[] = []
  const spare = Buffer.alloc(64 * 1024)
  let position = start
  try {
    while (position < end) {
      await reader.ready(position)
      let part = reader.view(position, end)
      if (!part) {
        const bytes = await reader.read(spare.subarray(0, Math.min(spare.length, end - position)), position)
        part = Buffer.from(spare.subarray(0, bytes))
      }
      if (part.length === 0) break
      parts.push(Buffer.from(part))
      position += part.length
      await onBytes?.(position)
    }
    return Buffer.concat(parts)
  } finally {
    reader.close()
  }
}

export function readAll(fill: Fill): Promise<Buffer> {
  return readOn(fill.read(), 0, fill.head.length ?? Number.POSITIVE_INFINITY)
}

/** Joins, and reads what was asked for. */
export async function get(
  { fetches, store }: Pick<Rig, 'fetches' | 'store'>,
  wanted: Wanted,
  join: Join = {},
): Promise<Buffer> {
  const { answer } = fetches.join(wanted, join)
  const given = await answer
  const { range } = join
  const limits = (length: number) => {
    if (!range) return { start: 0, end: length }
    if ('last' in range) return { start: Math.max(0, length - range.last), end: length }
    return { start: range.start, end: Math.min(length, range.end ?? length) }
  }
  if (given.kind === 'arriving') {
    const { start, end } = limits(given.fill.head.length ?? Number.POSITIVE_INFINITY)
    return readOn(given.fill.read(start, end), start, end)
  }
  const stored = await store.find(wanted.key)
  if (!stored) throw new Error('it is not kept')
  const { start, end } = limits(stored.length)
  const body = Buffer.alloc(end - start)
  await stored.read(body, start)
  return body
}
