import { indexValidators, isFresh, validators } from '../rules/freshness.ts'
import { holes } from '../store/extents.ts'
import type { Extent, Incoming } from '../store/port.ts'
import { strongValidator } from '../store/resumable.ts'
import type { UpstreamResponse } from '../upstream/ask.ts'
import { drop } from '../upstream/drop.ts'
import type { Answer, Join } from './answer.ts'
import { extentOf, rangeFor } from './asked-range.ts'
import { judge, rangeHeaders, readContentRange, sameVersion } from './continuation.ts'
import type { ArrivingHead, Fill } from './fill.ts'
import type { FillMaker, FillMakerDeps } from './fill-maker.ts'
import { askFirst } from './first-answer.ts'
import type { Wanted } from './wanted.ts'

type StarterDeps = Pick<FillMakerDeps, 'store' | 'clock' | 'log'>

/** A body for a status other than 200 that is this small is not written to disk. */
const smallBytes = 256 * 1024

/**
 * Begins fills: with an answer of the origin to a request for all of a body, or for a part, or with what an earlier fill left.
 * Which of these depends on what is kept, what is wanted, and whether what is there can be told to belong together.
 */
export class Starter {
  readonly #deps: StarterDeps
  readonly #maker: FillMaker

  constructor(deps: StarterDeps, maker: FillMaker) {
    this.#deps = deps
    this.#maker = maker
  }

  /**
   * Looks into the store; asks the origin where that doesn't do, and begins a fill with what it says.
   * @param avoid Places that are not asked.
   * @throws CausewayError `OriginUnreachable`, `TransferBroken`, `DigestMismatch` when no place gives a right answer
   */
  async answer(wanted: Wanted, join: Join, avoid: readonly string[]): Promise<Answer> {
    const { store, clock, log } = this.#deps
    const { key, kind } = wanted
    const kept = await store.find(key)
    await kept?.close()
    if (!kept) return { kind: 'arriving', fill: await this.#fetch(wanted, join, avoid) }
    const fresh = isFresh(kind, kept.headers, kept.validatedAtMs, clock.now())
    if (fresh && !(join.askAgain && kind !== 'package')) return { kind: 'kept', outcome: 'hit' }

    const headers = kind === 'index' ? indexValidators(kept.headers) : validators(kept.headers)
    let response: UpstreamResponse
    try {
      response = await askFirst(this.#maker.ask(wanted), { wanted, headers, avoid })
    } catch (error) {
      log.warn({ key, err: error }, 'origin is away; serving what is kept')
      return { kind: 'kept', outcome: 'stale' }
    }
    if (response.status === 304) {
      drop(response)
      const { age: _, ...before } = kept.headers
      await store.touch(key, { ...before, ...response.headers }, clock.now())
      return { kind: 'kept', outcome: 'revalidated' }
    }
    if (response.status >= 500) {
      drop(response)
      log.warn({ key, status: response.status }, 'origin is in trouble; serving what is kept')
      return { kind: 'kept', outcome: 'stale' }
    }
    if (response.status === 404 || response.status === 410) await store.remove(key)
    return { kind: 'arriving', fill: await this.#whole(wanted, response, join) }
  }

  /** Fetches what isn't kept: goes on with what there is of it, or begins. */
  async #fetch(wanted: Wanted, join: Join, avoid: readonly string[]): Promise<Fill> {
    const { store } = this.#deps
    const left = store.troubled ? undefined : await this.#resume(wanted)
    if (left) return this.#goOn(wanted, left, join, avoid)
    const { range } = join
    if (!range)
      return this.#whole(wanted, await askFirst(this.#maker.ask(wanted), { wanted, headers: {}, avoid }), join)
    const headers = { range: rangeFor(range) }
    return this.#part(wanted, await askFirst(this.#maker.ask(wanted), { wanted, headers, avoid }), join)
  }

  /** What an earlier transfer left, if it fits what is wanted now. */
  async #resume({ key, expected }: Wanted): Promise<Incoming | undefined> {
    const left = await this.#deps.store.resume(key)
    if (!left) return undefined
    const { head } = left
    const fits = expected
      ? head.expected?.digest === expected.digest
      : head.expected !== undefined || strongValidator(head.headers) !== undefined
    if (fits && left.present.length > 0) return left
    await left.discard()
    await left.close()
    return undefined
  }

  /** Asks for the first part that is missing, to see whether the file is still the same. */
  async #goOn(wanted: Wanted, left: Incoming, asked: Join, avoid: readonly string[]): Promise<Fill> {
    const { head, present } = left
    const { headers, length } = head
    // What is of one version must be sure where a part is wanted: by a validator, or in the end by its digest.
    const strong = strongValidator(headers) !== undefined
    const join = strong ? asked : { ...asked, range: undefined }
    const verified = head.expected !== undefined && !join.range
    const extent = extentOf(join.range, length) ?? { start: 0, end: length ?? Number.POSITIVE_INFINITY }
    const [missing] = holes(present, extent)
    if (!missing && (verified || wanted.kind === 'package')) {
      return this.#maker.filling(wanted, left, undefined, join, head, verified && !strong)
    }
    const part = missing ?? { start: 0, end: 1 }
    const same = { headers, length, verified }
    let response: UpstreamResponse
    try {
      response = await askFirst(this.#maker.ask(wanted), { wanted, headers: rangeHeaders(part, same), avoid })
    } catch (error) {
      await this.#putBack(left)
      throw error
    }
    const verdict = judge(part, same, response)
    if (verdict.is !== 'part') {
      await left.discard()
      await left.close()
      if (response.status === 200) return this.#whole(wanted, response, join)
      // A range that isn't there any more, or nonsense: the file itself may be.
      drop(response)
      return this.#whole(wanted, await askFirst(this.#maker.ask(wanted), { wanted, headers: {}, avoid }), join)
    }
    if (!missing) {
      drop(response)
      return this.#maker.filling(wanted, left, undefined, join)
    }
    const patched = verified && !sameVersion(headers, response.headers)
    if (patched) {
      try {
        await left.mix()
      } catch (error) {
        drop(response)
        await this.#putBack(left)
        throw error
      }
    }
    return this.#maker.filling(wanted, left, { response, extent: verdict.extent }, join, head, patched)
  }

  /** Leaves it as it was found. */
  async #putBack(left: Incoming): Promise<void> {
    try {
      await left.suspend()
    } catch (error) {
      this.#deps.log.warn({ key: left.head.key, err: error }, 'the store did not put a transfer away')
    }
    await left.close()
  }

  /** A fill that begins with an answer to a request for the whole. */
  #whole(wanted: Wanted, response: UpstreamResponse, join: Join): Promise<Fill> {
    const { status, headers } = response
    const length = response.length ?? (status === 200 ? wanted.expected?.bytes : undefined)
    const extent = { start: 0, end: length ?? Number.POSITIVE_INFINITY }
    return this.#fresh(wanted, { status, headers, length }, response, extent, join)
  }

  /** A fill that begins with an answer to a request for a part. */
  #part(wanted: Wanted, response: UpstreamResponse, join: Join): Promise<Fill> {
    const part = response.status === 206 ? readContentRange(response.headers['content-range']) : undefined
    if (!part) return this.#whole(wanted, response, join)
    const { 'content-range': _, ...headers } = response.headers
    return this.#fresh(wanted, { status: 200, headers, length: part.length }, response, part, join)
  }

  async #fresh(
    wanted: Wanted,
    head: ArrivingHead,
    response: UpstreamResponse,
    extent: Extent,
    join: Join,
  ): Promise<Fill> {
    const { store, log } = this.#deps
    const { key, expected } = wanted
    const { status, headers, length } = head
    const small = status !== 200 && length !== undefined && length <= smallBytes
    let incoming: Incoming | null = null
    if (!store.troubled && !small) {
      try {
        incoming = await store.begin({ key, status, headers, length, expected: status === 200 ? expected : undefined })
      } catch (error) {
        log.warn({ key, err: error }, 'the store takes nothing in; passing it through')
      }
    }
    return this.#maker.filling(wanted, incoming, { response, extent }, join, head)
  }
}
