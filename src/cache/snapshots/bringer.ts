import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Fetches } from '../fill/fetches.ts'
import type { Wanted } from '../fill/wanted.ts'
import { mayKeep } from '../rules/freshness.ts'
import type { Store } from '../store/port.ts'

/** How a file came to be kept. */
export type Brought = 'hit' | 'miss' | 'joined'

export interface BringerDeps {
  readonly fetches: Pick<Fetches, 'join'>
  readonly store: Store
  readonly clock: Clock
}

/** Has files fetched into the store, whole and verified, where they are not there yet. */
export class Bringer {
  readonly #deps: BringerDeps

  constructor(deps: BringerDeps) {
    this.#deps = deps
  }

  /**
   * Resolves when a file is kept, or after `patienceMs` while it is still coming: whoever wants it can then join.
   * @throws CausewayError `NotFound`, `OriginUnreachable`, `DigestMismatch`, `TransferBroken`
   */
  async bring(wanted: Wanted, patienceMs = Number.POSITIVE_INFINITY): Promise<Brought> {
    if (await this.isKept(wanted.key)) return 'hit'
    const { answer, joined } = this.#deps.fetches.join(wanted)
    const given = await answer
    if (given.kind === 'kept') return joined ? 'joined' : 'hit'
    const { status, headers } = given.fill.head
    // Whoever asks for the same by another path next must not join this answer.
    if (status !== 200) await within(given.fill.over, patienceMs, this.#deps.clock)
    if (status === 404 || status === 410)
      throw new CausewayError('NotFound', `${wanted.origin.host} has no ${wanted.path}`)
    if (status !== 200)
      throw new CausewayError('OriginUnreachable', `${wanted.origin.host} answers ${status} for ${wanted.path}`)
    const came = joined ? 'joined' : 'miss'
    // What no disk takes is for each client to be passed on, and checked, as it comes.
    if (!mayKeep(status, headers)) return came
    if (await within(given.fill.over, patienceMs, this.#deps.clock)) return came
    const { end } = given.fill
    if (end?.how === 'broken') throw end.error
    if (end?.how === 'kept' || end?.how === 'lost' || end?.how === 'done') return came
    if (await this.isKept(wanted.key)) return came
    throw new CausewayError('TransferBroken', `${wanted.path} of ${wanted.origin.host} did not come to its end`)
  }

  async isKept(key: string): Promise<boolean> {
    const { store } = this.#deps
    const stored = store.peek(key) ?? (await store.find(key))
    await stored?.close()
    return stored !== undefined
  }
}

/** Whether something still goes on after `ms`. It rejects when that does. */
export async function within(going: Promise<unknown>, ms: number, clock: Clock): Promise<boolean> {
  if (ms === Number.POSITIVE_INFINITY) return going.then(() => false)
  const ended = new AbortController()
  try {
    return await Promise.race([going.then(() => false), clock.sleep(ms, ended.signal).then(() => true)])
  } finally {
    ended.abort()
  }
}
