import { type Extents, holes, withExtent } from '../store/extents.ts'
import type { Extent } from '../store/port.ts'
import { mostConnections } from './width.ts'

/** Ranges begin at multiples of this: the blocks that the store keeps checksums of. */
export const blockBytes = 256 * 1024

/** A body with fewer bytes to come than this is fetched over one connection. */
export const largeBytes = 8 * 1024 * 1024

const leastPiece = 1024 * 1024
const mostPiece = 32 * 1024 * 1024

/** A piece is about what one connection brings in this time, in milliseconds. */
const pieceMs = 2_000

/** A reader that would wait longer than this for a transfer to come to where it is gets one of its own; milliseconds. */
const longWaitMs = 1_000

/** A transfer under way. */
export interface Running {
  /** Where its next byte goes. */
  readonly at: number
  /** Where it ends. */
  readonly end: number
  /** Whether it may be made to end earlier, which costs its connection. */
  readonly open: boolean
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

/** A range to ask for. */
export interface Piece extends Extent {
  /** As in `Running`. */
  readonly open: boolean
}

/**
 * The range to ask for next, if any.
 *
 * - What a reader waits for comes first, even over one more connection when the transfer that leads there is far from it.
 * - With one connection a hole is asked for whole, in one request, that may be cut short later.
 * - With several, pieces are cut from the front of what nobody fetches yet; when there is nothing left of that, from the
 *   tail of an open transfer, so that it has to be cut short once only. The last pieces are small, so that all end together.
 * - A bounded transfer that ends within a round trip counts no more: the next begins before it ends, so that the line
 *   doesn't fall idle between two requests.
 */
export function nextRange(now: Situation): Piece | undefined {
  const { present, running, wanted, connections, roundTripMs } = now
  if (running.length >= mostConnections) return undefined
  const claimed = running.reduce<Extents>((all, { at, end }) => withExtent(all, { start: at, end }), present)
  const free = wanted.flatMap((extent) => holes(claimed, extent))

  const urgent = forReaders(now, free)
  if (urgent) return urgent

  const busy = running.filter(({ at, end, open, bytesPerMs }) => open || end - at > bytesPerMs * roundTripMs)
  if (busy.length >= connections) return undefined
  const hole = firstFor(now.waiting, free)
  if (hole) return connections === 1 ? { ...hole, open: true } : front(hole, pieceBytes(now, sum(free)))
  return connections > busy.length ? fromTail(now) : undefined
}

/** A range for a reader that would have to wait long for what it wants. */
function forReaders({ running, waiting, wanted, present }: Situation, free: Extents): Piece | undefined {
  for (const position of waiting) {
    const start = position - (position % blockBytes)
    const leading = running.find(({ at, end }) => at <= position && position < end)
    if (!leading) {
      const hole = free.find((each) => each.start <= position && position < each.end)
      if (!hole || running.length === 0) continue
      return { start: Math.max(start, hole.start), end: Math.min(hole.end, start + mostPiece), open: true }
    }
    // A transfer whose rate isn't known yet has only just begun.
    const farMs = leading.bytesPerMs === 0 ? 0 : (position - leading.at) / leading.bytesPerMs
    if (!leading.open || farMs < longWaitMs) continue
    if (start <= leading.at) continue
    const until = wanted.find((each) => each.start <= position && position < each.end)?.end
    if (until === undefined) continue
    const [missing] = holes(present, { start, end: Math.min(until, leading.end) })
    if (missing && missing.start <= position) return { ...missing, open: true }
  }
  return undefined
}

function firstFor(waiting: readonly number[], free: Extents): Extent | undefined {
  const first = Math.min(...waiting)
  return free.find(({ end }) => end > first) ?? free[0]
}

function front({ start, end }: Extent, bytes: number): Piece {
  const cut = start - (start % blockBytes) + bytes
  // A rest that isn't worth a request of its own goes with it.
  return { start, end: end - cut < leastPiece / 2 ? end : cut, open: false }
}

/** The last part of the open transfer with the most to come. */
function fromTail(now: Situation): Piece | undefined {
  const open = now.running.filter((each) => each.open)
  const longest = open.toSorted((a, b) => b.end - b.at - (a.end - a.at))[0]
  if (!longest || !Number.isFinite(longest.end)) return undefined
  const left = longest.end - longest.at
  const alone = longest.bytesPerMs * Math.max(4 * now.roundTripMs, 250)
  if (left < Math.max(2 * leastPiece, alone)) return undefined
  const bytes = Math.min(pieceBytes(now, left), left / 2)
  const start = longest.end - bytes
  const aligned = start - (start % blockBytes)
  return aligned > longest.at ? { start: aligned, end: longest.end, open: false } : undefined
}

/** @param left Bytes that are still to be given out. */
function pieceBytes({ running, connections }: Situation, left: number): number {
  const rate = running.reduce((total, { bytesPerMs }) => total + bytesPerMs, 0) / Math.max(1, running.length)
  const wished = Math.min(mostPiece, Math.max(leastPiece, rate * pieceMs), Math.max(leastPiece, left / connections))
  return Math.max(blockBytes, wished - (wished % blockBytes))
}

function sum(extents: Extents): number {
  return extents.reduce((total, { start, end }) => total + end - start, 0)
}
