import type { Outcome } from '../door/reply.ts'

/** Seconds: a hit takes milliseconds, a large file over a WAN minutes. */
const buckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300]

/** Of one outcome. */
interface Spread {
  /** Requests by the first bucket that they fit into; the last is for those that fit into none. */
  readonly counts: number[]
  seconds: number
}

/** How long requests took: a histogram for Prometheus with the least work for each request. */
export class Durations {
  readonly #spreads = new Map<Outcome, Spread>()

  /** Notes a request that took so many milliseconds; less than none, where the clock was set back, is none. */
  took(outcome: Outcome, ms: number): void {
    let spread = this.#spreads.get(outcome)
    if (!spread) this.#spreads.set(outcome, (spread = { counts: [...buckets.map(() => 0), 0], seconds: 0 }))
    const seconds = Math.max(0, ms) / 1000
    let at = 0
    while (at < buckets.length && seconds > (buckets[at] as number)) at += 1
    spread.counts[at] = (spread.counts[at] as number) + 1
    spread.seconds += seconds
  }

  /** In Prometheus' text format, version 0.0.4: buckets are counted up, each with all that is below it. */
  text(name: string, help: string): string {
    const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`]
    for (const [outcome, { counts, seconds }] of this.#spreads) {
      let sum = 0
      for (const [at, count] of counts.entries()) {
        sum += count
        lines.push(`${name}_bucket{le="${buckets[at] ?? '+Inf'}",outcome="${outcome}"} ${sum}`)
      }
      lines.push(`${name}_sum{outcome="${outcome}"} ${seconds}`, `${name}_count{outcome="${outcome}"} ${sum}`)
    }
    return `${lines.join('\n')}\n`
  }
}
