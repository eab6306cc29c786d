import { CausewayError } from '../../base/errors.ts'
import type { Fetches } from '../fill/fetches.ts'
import type { Wanted } from '../fill/wanted.ts'
import type { Store } from '../store/port.ts'
import type { Bringing, Brought } from './queue.ts'

/** What bringing files needs of the cache. */
export interface BringingParts {
  readonly fetches: Pick<Fetches, 'join' | 'isRunning' | 'clientFetches'>
  readonly store: Pick<Store, 'find'>
}

/** Brings files as a request for them would, but for nobody. */
export class FetchBringing implements Bringing {
  readonly #parts: BringingParts

  constructor(parts: BringingParts) {
    this.#parts = parts
  }

  /**
   * @throws CausewayError as `Fetches`; `NotFound`; `OriginUnreachable` for another status; `TransferBroken` when what came
   *   could not be kept
   */
  async bring(wanted: Wanted): Promise<Brought> {
    const given = await this.#parts.fetches.join(wanted, { urgency: 'ahead' }).answer
    if (given.kind === 'arriving') {
      const { status } = given.fill.head
      await given.fill.over
      const { end } = given.fill
      if (end?.how === 'broken') throw end.error
      if (status === 404 || status === 410) throw new CausewayError('NotFound', 'the origin does not have it')
      if (status !== 200) throw new CausewayError('OriginUnreachable', `the origin answers ${status}`)
    }
    return { kept: given.kind === 'kept', bytes: await this.#keptBytes(wanted.key) }
  }

  isRunning(key: string): boolean {
    return this.#parts.fetches.isRunning(key)
  }

  clientFetches(): number {
    return this.#parts.fetches.clientFetches()
  }

  async #keptBytes(key: string): Promise<number> {
    const stored = await this.#parts.store.find(key)
    if (!stored) throw new CausewayError('TransferBroken', 'what came is not kept: it broke, or it may not be kept')
    try {
      return stored.length
    } finally {
      await stored.close()
    }
  }
}
