import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../base/clock.ts'
import { type CausewayError, toCausewayError } from '../base/errors.ts'
import type { Member, Overlay } from '../network/overlay.ts'
import { concerns } from './gateway-concern.ts'
import type { ApplyGateway } from './ports.ts'

/** How long an applied state is trusted before it is checked again, ms. */
const recheckAfterMs = 60_000

/** How long a failed gateway is left alone before it is tried again, ms. */
const retryAfterMs = 5_000

/**
 * How a gateway stands to what is wanted: not yet brought there (`waiting`, also when something else is wanted now), there but
 * for members whose port is not there yet (`pending`), there, or not to be brought there.
 */
export type GatewayState = 'waiting' | 'pending' | 'applied' | 'broken'

/**
 * Keeps the gateways at the overlay wanted last. Each gateway is worked on by itself: at most one apply at a time, and what
 * is wanted meanwhile is applied in the next one, so a slow or broken gateway holds up nobody else.
 */
export class NetworkKeeper {
  readonly #gateways = new Map<string, GatewayKeeper>()
  readonly #apply: ApplyGateway
  readonly #clock: Clock
  /** As long as the same is wanted it is the same object: gateways tell by that whether they are where they should be. */
  #wanted: Overlay | null = null

  constructor(apply: ApplyGateway, clock: Clock) {
    this.#apply = apply
    this.#clock = clock
  }

  /** Says what is wanted; gateways that differ from it are brought there in the background. */
  want(overlay: Overlay): void {
    const wanted = this.#wanted && isSameOverlay(this.#wanted, overlay) ? this.#wanted : overlay
    this.#wanted = wanted
    for (const { name } of overlay.gateways) {
      const keeper = this.#gateways.get(name) ?? new GatewayKeeper(name, this.#apply, this.#clock)
      this.#gateways.set(name, keeper)
      keeper.want(wanted)
    }
  }

  /**
   * Resolves when the overlay wanted last is in place at these gateways.
   * @throws CausewayError of the first of them where it can't be brought about
   */
  async settled(gateways: readonly string[]): Promise<void> {
    await Promise.all(gateways.flatMap((name) => this.#gateways.get(name)?.settled() ?? []))
  }

  /** Has gateways looked at again in the next round, though nothing else is wanted of them: something there may be broken. */
  doubt(names: Iterable<string>): void {
    for (const name of names) this.#gateways.get(name)?.doubt()
  }

  /** The gateways that are not as wanted, with the reason. */
  broken(): ReadonlyMap<string, CausewayError> {
    const broken = new Map<string, CausewayError>()
    for (const [name, keeper] of this.#gateways) if (keeper.error) broken.set(name, keeper.error)
    return broken
  }

  /** How each gateway stands to what is wanted. */
  states(): ReadonlyMap<string, GatewayState> {
    return new Map([...this.#gateways].map(([name, keeper]) => [name, keeper.state]))
  }

  /** Resolves when no apply runs any more. */
  async idle(): Promise<void> {
    await Promise.all([...this.#gateways.values()].map((keeper) => keeper.idle()))
  }
}

/** Whether two overlays say the same; quick where they share their parts. */
function isSameOverlay(a: Overlay, b: Overlay): boolean {
  if (a === b) return true
  const { members: ofA, ...restOfA } = a
  const { members: ofB, ...restOfB } = b
  return (
    ofA.length === ofB.length &&
    ofA.every((member, index) => isSameMember(member, ofB[index])) &&
    // Not by JSON, which does not see into the maps of keys.
    isDeepStrictEqual(restOfA, restOfB)
  )
}

function isSameMember(a: Member, b: Member | undefined): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

class GatewayKeeper {
  readonly #name: string
  readonly #apply: ApplyGateway
  readonly #clock: Clock
  #wanted: Overlay | null = null
  #applied: { overlay: Overlay; atMs: number; pending: boolean } | null = null
  #failedAtMs = Number.NEGATIVE_INFINITY
  #running: Promise<void> | null = null
  error: CausewayError | null = null

  constructor(name: string, apply: ApplyGateway, clock: Clock) {
    this.#name = name
    this.#apply = apply
    this.#clock = clock
  }

  want(wanted: Overlay): void {
    const { overlay } = this.#applied ?? {}
    if (this.#applied && overlay !== wanted && overlay === this.#wanted && !concerns(this.#name, overlay, wanted)) {
      this.#applied = { ...this.#applied, overlay: wanted }
    }
    this.#wanted = wanted
    if (this.#isDue()) void this.#start()
  }

  get state(): GatewayState {
    if (this.error) return 'broken'
    if (this.#applied?.overlay !== this.#wanted) return 'waiting'
    return this.#applied?.pending ? 'pending' : 'applied'
  }

  doubt(): void {
    if (this.#applied) this.#applied = { ...this.#applied, atMs: Number.NEGATIVE_INFINITY }
  }

  async settled(): Promise<void> {
    while (this.#wanted && this.#applied?.overlay !== this.#wanted) {
      await this.#start()
      if (this.error) throw this.error
    }
  }

  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  #isDue(): boolean {
    const now = this.#clock.now()
    if (this.error) return now - this.#failedAtMs >= retryAfterMs
    if (!this.#applied || this.#applied.overlay !== this.#wanted) return true
    return this.#applied.pending || now - this.#applied.atMs >= recheckAfterMs
  }

  /** Runs one apply of what is wanted now; joins the one that runs. */
  #start(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = null
      // What was wanted meanwhile does not wait until someone wants something the next time.
      if (!this.error && this.#applied && this.#applied.overlay !== this.#wanted) void this.#start()
    })
    return this.#running
  }

  async #run(): Promise<void> {
    const wanted = this.#wanted
    if (!wanted) return
    try {
      const outcome = await this.#apply(wanted, this.#name)
      this.error = null
      this.#applied = { overlay: wanted, atMs: this.#clock.now(), pending: outcome.pending.length > 0 }
    } catch (thrown) {
      this.error = toCausewayError(thrown)
      this.#applied = null
      this.#failedAtMs = this.#clock.now()
    }
  }
}
