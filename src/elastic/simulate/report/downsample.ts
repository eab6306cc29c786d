/**
 * Which points to keep so that at most `most` are left (at least 4 for each curve) and no curve loses its extremes: the first and
 * the last one, and the lowest and highest of each curve in each of equal stretches of x. Indices, ascending.
 */
export function keptIndices(x: ArrayLike<number>, curves: readonly ArrayLike<number>[], most: number): number[] {
  const count = x.length
  if (count <= most) return Array.from({ length: count }, (_, i) => i)
  const stretches = Math.max(1, Math.floor((most - 2) / (2 * curves.length)))
  const first = x[0] ?? 0
  const width = ((x[count - 1] ?? 0) - first) / stretches
  const stretchOf = (i: number) => Math.min(stretches - 1, width > 0 ? Math.floor(((x[i] ?? 0) - first) / width) : 0)
  const kept = new Set([0, count - 1])
  for (let from = 0; from < count; ) {
    let to = from + 1
    while (to < count && stretchOf(to) === stretchOf(from)) to++
    for (const curve of curves) {
      let [low, high] = [from, from]
      for (let i = from + 1; i < to; i++) {
        if ((curve[i] ?? 0) < (curve[low] ?? 0)) low = i
        if ((curve[i] ?? 0) > (curve[high] ?? 0)) high = i
      }
      kept.add(low).add(high)
    }
    from = to
  }
  return [...kept].sort((a, b) => a - b)
}
