import type { Clock } from '../../base/clock.ts'
import { afterSample, startingWidth, type Width } from './width.ts'

/** Milliseconds that a round trip is taken to need before one was measured. */
const usualRoundTripMs = 10

/** Round trips that a sample of the rate takes at least: in so many a connection comes to speed. */
const sampleRoundTrips = 10

export interface SamplingOptions {
  readonly clock: Clock
  /** Milliseconds that a sample takes at least. */
  readonly sampleMs: number
  /** How many connections have proven worthwhile on this way; written when that is found out. */
  readonly way: { proven: number }
  /** Bytes that are wanted and have not come. */
  readonly missing: () => number
  /** Whether another number of connections would still matter. */
  readonly matters: () => boolean
  /** Told after each sample. */
  readonly onSample: () => void
  readonly ended: AbortSignal
}

/** Looks at how fast a body comes while much of it is to come, and decides over how many connections: see `width.ts`. */
export class Sampling {
  readonly #options: SamplingOptions
  /** Undefined until it is known how much is to come. */
  #width: Width | undefined
  #sampling = false
  #received = 0
  /** The least that was measured. */
  #roundTripMs: number | undefined

  constructor(options: SamplingOptions) {
    this.#options = options
  }

  /** Milliseconds from a request to the head of its answer, as far as is known. */
  get roundTripMs(): number {
    return this.#roundTripMs ?? usualRoundTripMs
  }

  /** Over how many connections the body is to come now; to be asked once its length is known. */
  connections(): number {
    const { way, missing } = this.#options
    this.#width ??= startingWidth({ proven: way.proven, roundTripMs: this.roundTripMs, bytes: missing() })
    return this.#width.connections
  }

  /** A head came after so many milliseconds; undefined: that was not measured. */
  headCame(ms: number | undefined): void {
    if (ms !== undefined) this.#roundTripMs = Math.min(this.#roundTripMs ?? ms, ms)
  }

  received(bytes: number): void {
    this.#received += bytes
  }

  /** Takes samples until another number of connections would not matter any more. Does nothing while it does so already. */
  async run(): Promise<void> {
    if (this.#sampling) return
    const { clock, sampleMs, way, missing, matters, onSample, ended } = this.#options
    this.#sampling = true
    while (!ended.aborted && matters()) {
      const before = this.#received
      const begunMs = clock.now()
      await clock.sleep(Math.max(sampleMs, sampleRoundTrips * this.roundTripMs), ended)
      if (ended.aborted || missing() === 0) break
      const passed = Math.max(1, clock.now() - begunMs)
      if (!this.#width) continue
      const bytesPerMs = (this.#received - before) / passed
      this.#width = afterSample(this.#width, { bytesPerMs, bytesLeft: missing() })
      way.proven = this.#width.proven
      onSample()
    }
    this.#sampling = false
  }
}
