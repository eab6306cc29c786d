import type { Extent } from './port.ts'

/** Extents in order, apart from one another (they don't even touch), none of them empty. */
export type Extents = readonly Extent[]

export function bytesOf(extents: Extents): number {
  return extents.reduce((sum, { start, end }) => sum + end - start, 0)
}

/** All that is in `extents` or in `extent`. */
export function withExtent(extents: Extents, extent: Extent): Extents {
  if (extent.end <= extent.start) return extents
  let { start, end } = extent
  const before: Extent[] = []
  const after: Extent[] = []
  for (const each of extents) {
    if (each.end < start) before.push(each)
    else if (each.start > end) after.push(each)
    else {
      start = Math.min(start, each.start)
      end = Math.max(end, each.end)
    }
  }
  return [...before, { start, end }, ...after]
}

/** What of `within` is not in `extents`. */
export function holes(extents: Extents, within: Extent): Extents {
  const found: Extent[] = []
  let from = within.start
  for (const { start, end } of extents) {
    if (end <= from) continue
    if (start >= within.end) break
    if (start > from) found.push({ start: from, end: start })
    from = end
  }
  if (from < within.end) found.push({ start: from, end: within.end })
  return found
}

/** Up to where everything from `position` on is there: `position` itself where it isn't. */
export function reach(extents: Extents, position: number): number {
  for (const { start, end } of extents) if (start <= position && position < end) return end
  return position
}

/** Whether all of `extent` is there. */
export function covers(extents: Extents, extent: Extent): boolean {
  return holes(extents, extent).length === 0
}
