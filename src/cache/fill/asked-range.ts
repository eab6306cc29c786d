import type { Extent } from '../store/port.ts'
import { blockBytes } from './next-range.ts'

/** The part of a body that a client asks for before anybody knows how long the body is. */
export type AskedRange =
  | { readonly start: number /** Undefined: to the end. */; readonly end: number | undefined }
  /** That many bytes at the end. */
  | { readonly last: number }

/** A `Range` header with a single range of bytes. Undefined for all else: the whole is then the right answer. RFC 9110, 14.1.2. */
export function readAskedRange(text: string | undefined): AskedRange | undefined {
  const [, from, to] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(text ?? '') ?? []
  if (from === undefined || to === undefined) return undefined
  if (from === '') return Number(to) > 0 ? { last: Number(to) } : undefined
  const start = Number(from)
  if (to !== '' && Number(to) < start) return undefined
  const end = to === '' ? undefined : Number(to) + 1
  return start === 0 && end === undefined ? undefined : { start, end }
}

/** The `Range` to ask an origin for: the asked one, in whole blocks. */
export function rangeFor(asked: AskedRange): string {
  if ('last' in asked) return `bytes=-${roundUp(asked.last)}`
  const first = asked.start - (asked.start % blockBytes)
  return `bytes=${first}-${asked.end === undefined ? '' : roundUp(asked.end) - 1}`
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes
}

/** What a range is of a body; undefined when it is the whole, or can't be told. */
export function extentOf(range: AskedRange | undefined, length: number | undefined): Extent | undefined {
  if (!range) return undefined
  const most = length ?? Number.POSITIVE_INFINITY
  if ('last' in range)
    return length === undefined ? undefined : alignedWithin(Math.max(0, length - range.last), length, most)
  return alignedWithin(range.start, range.end, most)
}

function alignedWithin(start: number, end: number | undefined, most: number): Extent {
  const aligned = alignedRange(start, end)
  return { start: Math.min(aligned.start, most), end: Math.min(aligned.end, most) }
}

/** The range to ask for when a part of an unknown body is wanted: whole blocks. */
export function alignedRange(start: number, end: number | undefined): Extent {
  const from = start - (start % blockBytes)
  return { start: from, end: end === undefined ? Number.POSITIVE_INFINITY : Math.ceil(end / blockBytes) * blockBytes }
}
