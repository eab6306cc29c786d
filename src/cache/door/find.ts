import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Fetches } from '../fill/fetches.ts'
import { type ArrivingHead, Fill } from '../fill/fill.ts'
import type { Wanted } from '../fill/wanted.ts'
import { kindOf } from '../formats/kinds.ts'
import { demandsOf } from '../rules/demands.ts'
import { isFresh, mayServeStale } from '../rules/freshness.ts'
import type { SnapshotAnswer, Snapshots } from '../snapshots/snapshots.ts'
import type { Store, Stored } from '../store/port.ts'
import type { Patience } from './patience.ts'
import type { Outcome } from './reply.ts'
import type { CacheRequest } from './request.ts'

export interface FinderDeps {
  readonly store: Store
  readonly fetches: Fetches
  readonly snapshots: Pick<Snapshots, 'answer'>
  readonly patience: Patience
  /** How long an index is fresh, milliseconds. */
  readonly indexFreshMs: number
  readonly clock: Clock
}

/** Where the answer to a request is: kept, on its way, or only a head. */
export type Found =
  | { readonly kind: 'kept'; readonly stored: Stored; readonly outcome: Outcome }
  | { readonly kind: 'arriving'; readonly fill: Fill; readonly outcome: Outcome }
  | { readonly kind: 'head'; readonly head: ArrivingHead; readonly outcome: Outcome }
  | { readonly kind: 'not kept' }

/** Decides for each request whether what is kept will do, or whom to ask. */
export class Finder {
  readonly #deps: FinderDeps

  constructor(deps: FinderDeps) {
    this.#deps = deps
  }

  /**
   * @param client The address that asks: what it got before decides which version of an index it is to see.
   * @throws CausewayError as `Fetches` and `Snapshots` do, when nothing that is kept can stand in
   */
  async find(request: CacheRequest, client: string): Promise<Found> {
    const { store, fetches, snapshots } = this.#deps
    const { origin, path, url: key } = request
    const wanted: Wanted = { origin, path, key, kind: kindOf(origin, path), expected: undefined }
    if (request.personal) return this.#alone(request, wanted)
    const { askAgain, onlyKept } = demandsOf(request.headers)
    // Usually one round. Another when what was kept a moment ago has been taken away by someone.
    for (let round = 0; round < 3; round += 1) {
      let stored: Stored | undefined
      if (onlyKept || !fetches.isRunning(key) || wanted.kind !== 'package') {
        stored = store.peek(key) ?? (await store.find(key))
      }
      if (stored && this.#isFresh(wanted, stored) && (!askAgain || wanted.kind === 'package')) {
        return { kind: 'kept', stored, outcome: 'hit' }
      }
      if (onlyKept) {
        await stored?.close()
        return { kind: 'not kept' }
      }
      const version = await snapshots.answer(origin, path, client)
      if (version) {
        await stored?.close()
        const found = await this.#version(version)
        if (found) return found
        continue
      }
      if (!stored && request.method === 'HEAD' && !fetches.isRunning(key)) return this.#alone(request, wanted)
      const found = await this.#ask(wanted, stored)
      if (found) return found
    }
    throw new CausewayError('Internal', 'what is kept keeps disappearing')
  }

  /** The version of an index that this client is to see: kept, or on its way. Undefined: look again. */
  async #version({ wanted, outcome }: SnapshotAnswer): Promise<Found | undefined> {
    const { store } = this.#deps
    const stored = store.peek(wanted.key) ?? (await store.find(wanted.key))
    return stored ? { kind: 'kept', stored, outcome } : this.#ask(wanted, undefined)
  }

  #isFresh({ kind }: Wanted, { headers, validatedAtMs }: Stored): boolean {
    return isFresh(kind, headers, validatedAtMs, this.#deps.clock.now(), this.#deps.indexFreshMs)
  }

  /** Joins those who ask the origin, or begins; what is kept stands in when it is late or away. Undefined: look again. */
  async #ask(wanted: Wanted, stored: Stored | undefined): Promise<Found | undefined> {
    const { store, fetches, patience, clock } = this.#deps
    const { key, kind } = wanted
    let kept = stored
    const standIn = stored && mayServeStale(kind, stored.headers, stored.validatedAtMs, clock.now())
    try {
      const { answer, joined } = fetches.join(wanted)
      const given = await (standIn ? patience.wait(answer) : answer)
      if (given === undefined) {
        if (!stored) return undefined
        kept = undefined
        return { kind: 'kept', stored, outcome: 'stale' }
      }
      if (given.kind === 'arriving') return { kind: 'arriving', fill: given.fill, outcome: joined ? 'joined' : 'miss' }
      if (given.outcome === 'stale' && stored && !standIn) {
        throw new CausewayError('OriginUnreachable', 'what is kept is too old to be served without asking')
      }
      const now = await store.find(key)
      const outcome = joined && given.outcome === 'revalidated' ? 'joined' : given.outcome
      return now && { kind: 'kept', stored: now, outcome }
    } finally {
      await kept?.close()
    }
  }

  /** For this client only, past all that is kept. */
  async #alone(request: CacheRequest, wanted: Wanted): Promise<Found> {
    const given = await this.#deps.fetches.alone(wanted, request)
    if (given instanceof Fill) return { kind: 'arriving', fill: given, outcome: 'miss' }
    return { kind: 'head', head: given, outcome: 'miss' }
  }
}
