import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Events } from '../events.ts'
import { type AskedRange, readAskedRange } from '../fill/asked-range.ts'
import type { Fetches, Join } from '../fill/fetches.ts'
import { type ArrivingHead, Fill } from '../fill/fill.ts'
import type { Wanted } from '../fill/wanted.ts'
import { kindOf } from '../formats/kinds.ts'
import { demandsOf } from '../rules/demands.ts'
import { isFresh, mayServeStale } from '../rules/freshness.ts'
import type { SnapshotAnswer, Snapshots } from '../snapshots/snapshots.ts'
import type { Store, Stored } from '../store/port.ts'
import type { ManyPlaces } from '../upstream/many-places.ts'
import type { Catalogue } from '../verify/catalogue.ts'
import { isOtherThan } from '../verify/expected.ts'
import type { Question } from './known-questions.ts'
import type { Patience } from './patience.ts'
import type { Outcome } from './reply.ts'
import type { CacheRequest } from './request.ts'

export interface FinderDeps {
  readonly store: Store
  readonly fetches: Fetches
  readonly upstream: Pick<ManyPlaces, 'comesRound'>
  readonly snapshots: Pick<Snapshots, 'answer' | 'kept'>
  /** What indexes say of files. */
  readonly catalogue: Pick<Catalogue, 'expected'>
  readonly events: Pick<Events, 'report'>
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
  /** It would wait for the cache that it came from. */
  | { readonly kind: 'comes round' }

/** Decides for each request whether what is kept will do, or whom to ask. */
export class Finder {
  readonly #deps: FinderDeps

  constructor(deps: FinderDeps) {
    this.#deps = deps
  }

  /** The answer where it is in memory and needs no second thought: a small file that is kept and fresh, and no index. */
  atHand({ origin, path, url, kind }: Question): (Stored & { readonly body: Buffer }) | undefined {
    const { store, catalogue } = this.#deps
    if (kind === 'index') return undefined
    const stored = store.peek(url)
    if (stored?.body && this.#isFresh({ kind }, stored)) {
      if (!isOtherThan(catalogue.expected(origin, path), stored)) return stored as Stored & { body: Buffer }
    }
    void stored?.close()
    return undefined
  }

  /**
   * @param client The address that asks: what it got before decides which version of an index it is to see.
   * @throws CausewayError as `Fetches` and `Snapshots` do, when nothing that is kept can stand in
   */
  async find(request: CacheRequest, client: string): Promise<Found> {
    const { store, fetches, snapshots, catalogue } = this.#deps
    const { origin, path, url: key } = request
    const via = cachesOn(request.headers['via'])
    const wanted: Wanted = {
      origin,
      path,
      key,
      kind: kindOf(origin, path),
      expected: catalogue.expected(origin, path),
      ...(via === undefined ? {} : { via }),
    }
    if (request.personal) return this.#alone(request, wanted)
    const { askAgain, onlyKept } = demandsOf(request.headers)
    // A sibling's question waits for nobody; a HEAD of that sort may be another cache's, whether this one waits.
    const waits = !onlyKept || request.method === 'HEAD'
    if (via !== undefined && waits && (await this.#deps.upstream.comesRound({ ...wanted, via })))
      return { kind: 'comes round' }
    // Usually one round. Another when what was kept a moment ago has been taken away by someone.
    for (let round = 0; round < 3; round += 1) {
      let stored: Stored | undefined
      if (onlyKept || !fetches.isRunning(key) || wanted.kind !== 'package') {
        stored = store.peek(key) ?? (await store.find(key))
      }
      if (stored && isOtherThan(wanted.expected, stored)) {
        await this.#giveUp(stored)
        stored = undefined
      }
      if (stored && this.#isFresh(wanted, stored) && (!askAgain || wanted.kind === 'package')) {
        return { kind: 'kept', stored, outcome: 'hit' }
      }
      if (onlyKept) {
        await stored?.close()
        const version = snapshots.kept(origin, path)
        const kept = version && (await store.find(version.key))
        return kept ? { kind: 'kept', stored: kept, outcome: 'hit' } : { kind: 'not kept' }
      }
      const version = await snapshots.answer(origin, path, client)
      if (version) {
        await stored?.close()
        const found = await this.#version(version, rangeOf(request))
        if (found) return found
        continue
      }
      if (!stored && request.method === 'HEAD' && !fetches.isRunning(key)) return this.#alone(request, wanted)
      const found = await this.#ask(wanted, stored, { range: rangeOf(request), askAgain })
      if (found) return found
    }
    throw new CausewayError('Internal', 'what is kept keeps disappearing')
  }

  /** What was kept before an index said that it must be something else: it is of no use to anybody. */
  async #giveUp(stored: Stored): Promise<void> {
    const { store, events } = this.#deps
    await stored.close()
    await store.remove(stored.key)
    events.report('ContentChanged', stored.key, 'what is kept is not what the index says; it is fetched anew')
  }

  /** The version of an index that this client is to see: kept, or on its way. Undefined: look again. */
  async #version({ wanted, outcome }: SnapshotAnswer, range: AskedRange | undefined): Promise<Found | undefined> {
    const { store } = this.#deps
    const stored = store.peek(wanted.key) ?? (await store.find(wanted.key))
    return stored ? { kind: 'kept', stored, outcome } : this.#ask(wanted, undefined, { range })
  }

  #isFresh({ kind }: Pick<Wanted, 'kind'>, { headers, validatedAtMs }: Stored): boolean {
    return isFresh(kind, headers, validatedAtMs, this.#deps.clock.now(), this.#deps.indexFreshMs)
  }

  /** Joins those who ask the origin, or begins; what is kept stands in when it is late or away. Undefined: look again. */
  async #ask(wanted: Wanted, stored: Stored | undefined, join: Join): Promise<Found | undefined> {
    const { store, fetches, patience, clock } = this.#deps
    const { key, kind } = wanted
    let kept = stored
    const standIn = stored && mayServeStale(kind, stored.headers, stored.validatedAtMs, clock.now())
    try {
      const { answer, joined } = fetches.join(wanted, join)
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

/** The caches that a request came by, most of them; of what else clients write nothing is passed on. RFC 9110, section 7.6.3. */
function cachesOn(via: string | undefined): string | undefined {
  const names = via?.match(/\bcauseway-[0-9a-f]{12}\b/g)?.slice(0, 16)
  return names?.map((name) => `1.1 ${name}`).join(', ')
}

function rangeOf({ method, headers }: CacheRequest): AskedRange | undefined {
  return method === 'GET' ? readAskedRange(headers['range']) : undefined
}
