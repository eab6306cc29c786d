import { type Extents, holes, withExtent } from '../store/extents.ts'
import type { Extent } from '../store/port.ts'
import { mostConnections } from './width.ts'

/** Ranges begin at multiples of this: the blocks that the store keeps checksums of. */
export const blockBytes = 256 * 1024

/** A body with fewer bytes to come than this is fetched over one connection. */
export const largeBytes = 8 * 1024 * 1024

/** A range shorter than this isn't worth a request. */
const leastPiece = 1024 * 1024

/** Bytes of a range at most, so that who reads from the beginning isn't left far behind what has come. */
const mostPiece = 32 * 1024 * 1024

/** Round trips that a range should take at least: between two of them its connection is idle for one. */
const pieceRoundTrips = 10

/** A reader that would wait longer than this for a transfer to come to where it is gets one of its own; milliseconds. */
const longWaitMs = 1_000

/** A transfer under way, or just asked for. */
export interface Running {
  /** Where its next byte goes. */
  readonly at: number
  /** Where it ends. */
  readonly end: number
  /** Whether it may be made to end earlier, which costs its connection: not before it is answered. */
  readonly open: boolean
  /** 0 until it is known. */
  readonly bytesPerMs: number
}

/** All that the choice of the next range depends on. */
export interface Situation {
  /** Bytes of the whole body. */
  readonly length: number
  readonly present: Extents
  readonly running: readonly Running[]
  /** What is to be fetched in all: what readers asked for, whether they are still there or not. */
  readonly wanted: Extents
  /** Where readers are that have to wait. */
  readonly waiting: readonly number[]
  /** How many connections are to be used at a time. */
  readonly connections: number
  readonly roundTripMs: number
}

/**
 * The range to ask for next, if any. Where another transfer is to bring its beginning, that one is to end there instead.
 *
 * - What a reader waits for comes first, even over one more connection when the transfer that leads there is far from it.
 * - With one connection a hole is asked for whole, in one request, that may be cut short later.
 * - With several, ranges are cut from the front of what nobody fetches yet, so that who reads on doesn't fall far behind.
 *   Each is the 16th part (with 8 connections) of what is left, so that they grow shorter towards the end and all end
 *   together.
 * - Where nobody is left to fetch anything but a connection is, the transfer with the most to come keeps a range of its own,
 *   and what is behind that is free.
 */
export function nextRange(now: Situation): Extent | undefined {
  const { present, running, wanted, connections } = now
  if (running.length >= mostConnections) return undefined
  const claimed = running.reduce<Extents>((all, { at, end }) => withExtent(all, { start: at, end }), present)
  const free = wanted.flatMap((extent) => holes(claimed, extent))

  const urgent = forReaders(now, free)
  if (urgent) return urgent

  if (running.length >= connections) return undefined
  const hole = firstFor(now.waiting, free)
  if (!hole) return divided(now)
  return connections === 1 ? hole : front(hole, pieceBytes(now, sum(free)))
}

/** A range for a reader that would have to wait long for what it wants. */
function forReaders({ running, waiting, wanted, present }: Situation, free: Extents): Extent | undefined {
  for (const position of waiting) {
    const start = position - (position % blockBytes)
    const leading = running.find(({ at, end }) => at <= position && position < end)
    if (!leading) {
      const hole = free.find((each) => each.start <= position && position < each.end)
      if (!hole || running.length === 0) continue
      return { start: Math.max(start, hole.start), end: Math.min(hole.end, start + mostPiece) }
    }
    // A transfer whose rate isn't known yet has only just begun.
    const farMs = leading.bytesPerMs === 0 ? 0 : (position - leading.at) / leading.bytesPerMs
    if (!leading.open || farMs < longWaitMs) continue
    if (start <= leading.at) continue
    const until = wanted.find((each) => each.start <= position && position < each.end)?.end
    if (until === undefined) continue
    const [missing] = holes(present, { start, end: Math.min(until, leading.end) })
    if (missing && missing.start <= position) return missing
  }
  return undefined
}

function firstFor(waiting: readonly number[], free: Extents): Extent | undefined {
  const first = Math.min(...waiting)
  return free.find(({ end }) => end > first) ?? free[0]
}

function front({ start, end }: Extent, bytes: number): Extent {
  const cut = start - (start % blockBytes) + bytes
  // A rest that isn't worth a request of its own goes with it.
  return { start, end: end - cut < leastPiece / 2 ? end : cut }
}

/** What the transfer that would take longest gives up: what is behind a range of its own, or its half. */
function divided(now: Situation): Extent | undefined {
  const open = now.running.filter(({ open, end }) => open && Number.isFinite(end))
  const longest = open.toSorted((a, b) => msLeft(b) - msLeft(a))[0]
  if (!longest) return undefined
  const { at, end, bytesPerMs } = longest
  const left = end - at
  if (left < (bytesPerMs === 0 ? largeBytes : 2 * leastPiece)) return undefined
  if (msLeft(longest) < Math.max(4 * now.roundTripMs, 250)) return undefined
  const mean = meanRate(now)
  const own = at + Math.min(mean === 0 ? left / 2 : (left * bytesPerMs) / (bytesPerMs + mean), pieceBytes(now, left))
  const start = own - (own % blockBytes)
  return start > at ? front({ start, end }, pieceBytes(now, left)) : undefined
}

function msLeft({ at, end, bytesPerMs }: Running): number {
  return bytesPerMs === 0 ? Number.MAX_VALUE : (end - at) / bytesPerMs
}

/** Of one connection, as far as is known; bytes per millisecond. */
function meanRate({ running }: Situation): number {
  const rates = running.flatMap(({ bytesPerMs }) => (bytesPerMs > 0 ? [bytesPerMs] : []))
  return rates.reduce((total, rate) => total + rate, 0) / Math.max(1, rates.length)
}

/** @param left Bytes that are still to be given out. */
function pieceBytes(now: Situation, left: number): number {
  const least = Math.max(leastPiece, meanRate(now) * pieceRoundTrips * now.roundTripMs)
  const wished = Math.min(mostPiece, Math.max(least, left / (2 * now.connections)))
  return Math.max(blockBytes, wished - (wished % blockBytes))
}

function sum(extents: Extents): number {
  return extents.reduce((total, { start, end }) => total + end - start, 0)
}
