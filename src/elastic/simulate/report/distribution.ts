/** What a lot of numbers comes to. All 0 if there are none. */
export interface Distribution {
  readonly mean: number
  readonly median: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** Sums numbers up in their order of size, so that their order in the input changes no digit; `values` is sorted in place. */
export function distribution(values: Float64Array): Distribution {
  values.sort()
  const sum = values.reduce((total, value) => total + value, 0)
  return {
    mean: values.length === 0 ? 0 : sum / values.length,
    median: quantile(values, 0.5),
    p95: quantile(values, 0.95),
    p99: quantile(values, 0.99),
    max: values.at(-1) ?? 0,
  }
}

/**
 * The value below which a share `q` (0..1) of the sorted numbers lies, between two of them in proportion: definition 7 of Hyndman
 * and Fan, "Sample quantiles in statistical packages", 1996. The median of an even number is the middle of the middle two.
 */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const place = q * (sorted.length - 1)
  const low = sorted[Math.floor(place)] ?? 0
  const high = sorted[Math.ceil(place)] ?? low
  return low + (high - low) * (place - Math.floor(place))
}
