import type { SiteModel } from '../policy-simulation.ts'
import type { Random } from './random.ts'

/** How a create will go. Times in ms from its begin. */
export interface Boot {
  /** When the call returns; the machine then starts, unless `fails` is `call`. */
  readonly createdMs: number
  readonly installingMs: number
  readonly enrollingMs: number
  readonly readyMs: number
  /** `call`: the site says that it could not be made. `boot`: it is made and never heard of. null: all goes well. */
  readonly fails: 'call' | 'boot' | null
}

/** How the time from the begin of a create until the node is ready divides: what is over at the end of each phase. */
const shares = { created: 0.1, installing: 0.4, enrolling: 0.9 }

/** A site in virtual time: so many machines at most, boots that take their time, and creates that fail. */
export class SimulatedSite {
  readonly #model: SiteModel
  readonly #random: Random
  #machines = 0

  constructor(model: SiteModel, random: Random) {
    this.#model = model
    this.#random = random
  }

  /** Begins to make a machine; null if there is no room for one more. */
  create(): Boot | null {
    const { capacity, bootMs, spread, failures } = this.#model
    if (capacity !== null && this.#machines >= capacity) return null
    this.#machines++
    const readyMs = Math.max(1, Math.round(this.#random.logNormal(bootMs, spread)))
    const failing = this.#random.chance(failures)
    const inCall = this.#random.chance(0.5)
    return {
      createdMs: Math.round(readyMs * shares.created),
      installingMs: Math.round(readyMs * shares.installing),
      enrollingMs: Math.round(readyMs * shares.enrolling),
      readyMs,
      fails: failing ? (inCall ? 'call' : 'boot') : null,
    }
  }

  /** A machine is gone, or was never made. */
  free(): void {
    this.#machines--
  }

  get machines(): number {
    return this.#machines
  }
}
