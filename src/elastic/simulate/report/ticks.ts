const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** Steps that read well on an axis of time, ms. */
const timeSteps = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * secondMs),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minuteMs),
  ...[1, 2, 3, 6, 12].map((n) => n * hourMs),
  ...[1, 2, 5, 7, 14, 28].map((n) => n * dayMs),
]

/** A mark on an axis. */
export interface Tick {
  readonly at: number
  readonly text: string
}

/** Marks from 0 on at steps of 1, 2 or 5 times a power of ten; the last one is at or above `max`. About `wanted`; at least 2. */
export function valueTicks(max: number, wanted: number): readonly Tick[] {
  const most = max > 0 ? max : 1
  const rough = most / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10)
  const digits = Math.min(20, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))
  const last = Math.max(1, Math.ceil((most / step) * (1 - 1e-9)))
  return Array.from({ length: last + 1 }, (_, i) => ({ at: i * step, text: shortNumber(i * step, digits) }))
}

/** Marks in time from 0 on and up to `maxMs`; about `wanted`. All in one unit: `0 h`, `6 h`, ... */
export function timeTicks(maxMs: number, wanted: number): readonly Tick[] {
  const rough = maxMs / wanted
  const step = timeSteps.find((one) => one >= rough) ?? niceDays(rough)
  const [unitMs, unit] = unitFor(step, maxMs)
  const count = Math.floor((maxMs / step) * (1 + 1e-9))
  return Array.from({ length: count + 1 }, (_, i) => ({ at: i * step, text: `${(i * step) / unitMs} ${unit}` }))
}

/** The largest unit of which steps are whole, or quarters of days on an axis of days. */
function unitFor(step: number, maxMs: number): [number, string] {
  if (step >= dayMs || (step >= 6 * hourMs && maxMs >= 2 * dayMs)) return [dayMs, 'd']
  if (step >= hourMs) return [hourMs, 'h']
  return step >= minuteMs ? [minuteMs, 'min'] : [secondMs, 's']
}

/** 1, 2 or 5 times a power of ten in days. */
function niceDays(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough / dayMs))
  return dayMs * power * ([1, 2, 5].find((factor) => factor * power * dayMs >= rough) ?? 10)
}

/** `950`, `12k`, `2.5M`; small ones with as many digits after the point as their step has. */
function shortNumber(value: number, digits: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(4))}k`
  return value.toFixed(digits)
}
