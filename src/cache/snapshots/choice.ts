import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { CacheSettings } from '../settings.ts'
import { type Bringer, within } from './bringer.ts'
import type { Line } from './line.ts'
import type { Pins } from './pins.ts'
import type { SeenBy, SnapshotAnswer } from './snapshots.ts'
import { type Version, wantedOf } from './version.ts'
import { Views } from './views.ts'

export interface ChoiceDeps {
  readonly pins: Pins
  readonly bringer: Pick<Bringer, 'isKept'>
  readonly settings: Pick<CacheSettings, 'indexes'>
  readonly clock: Clock
}

/** A version, and how it came that it is this one. */
export interface Chosen {
  readonly version: Version
  readonly outcome: SnapshotAnswer['outcome']
}

/** Milliseconds for which a metalink counts: with it in hand a client turns to a mirror at once. */
const promiseMs = 2 * 60_000

/** Milliseconds that the origin has where nothing else will do, or nobody waits. dnf gives up after 30 s. */
const allPatienceMs = 20_000

/** Milliseconds for which nodes get what was brought for them without asking the origin: the time in which machines boot. */
const toComeMs = 5 * 60_000

/** Milliseconds that a client waits for a newer version to be completed before it gets the one in use. */
const prepareMs = 3_000

/**
 * Which version of a suite is for whom: the one that a metalink promised, the one that a pinned cluster stays with, or the
 * newest, as far as the origin tells that in time.
 */
export class Choice {
  readonly #deps: ChoiceDeps
  readonly #promises = new Views(promiseMs)

  constructor(deps: ChoiceDeps) {
    this.#deps = deps
  }

  /** A client was given a metalink that vouches for a version. */
  promise(client: string, line: string, id: string): void {
    this.#promises.saw(client, line, id, this.#deps.clock.now())
  }

  /** All versions that somebody may come for. */
  promised(nowMs: number): ReadonlySet<string> {
    return this.#promises.inSight(nowMs)
  }

  /** The version whose top index a client gets when it asks for that. */
  async ofTop(line: Line, client: string): Promise<Chosen> {
    const cluster = this.#deps.pins.clusterOf(client)
    const promised = cluster === undefined ? await this.#promised(line, client) : undefined
    return promised ?? this.of(line, { cluster })
  }

  /** Undefined when nothing was promised, or the origin doesn't have it. */
  async #promised(line: Line, client: string): Promise<Chosen | undefined> {
    const { clock } = this.#deps
    const id = this.#promises.seen(client, line.name, clock.now())
    if (id === undefined) return undefined
    const there = line.version(id)
    if (there && (await this.#isKept(there))) return { version: there, outcome: 'hit' }
    if (there) line.drop(there)
    const { heard, done, joined } = line.look()
    await within(heard, allPatienceMs, clock)
    if (joined && !line.version(id)) {
      // What others wait for was asked perhaps before that version was there.
      await within(done, allPatienceMs, clock)
      await within(line.look().heard, allPatienceMs, clock)
    }
    const version = line.version(id)
    return version && { version, outcome: joined ? 'joined' : 'miss' }
  }

  /**
   * The version for those whom no earlier answer ties to one.
   * @throws CausewayError as `Snapshots.answer`
   */
  async of(line: Line, { cluster, toCome = false }: SeenBy): Promise<Chosen> {
    const { pins } = this.#deps
    const pinned = line.versions.get(pins.versionOf(cluster, line) ?? '')
    if (pinned && (await this.#isKept(pinned))) return { version: pinned, outcome: 'hit' }
    if (pinned) line.drop(pinned)
    const newest = await this.#newest(line, toCome)
    pins.saw(cluster, line, newest.version.id)
    return newest
  }

  async #newest(line: Line, toCome: boolean): Promise<Chosen> {
    const { clock, settings } = this.#deps
    const before = line.current
    if (before && !(await this.#isKept(before))) line.drop(before)
    const { current } = line
    if (current && !toCome && this.#isFresh(line, current)) return { version: current, outcome: 'hit' }
    const { heard, done, joined, begunMs } = line.look()
    // Whoever comes while an origin is silent doesn't wait all over again.
    const left = toCome ? allPatienceMs : Math.max(1, begunMs + settings.indexes.patience - clock.now())
    let confirmed = false
    if (!current) await done
    else if (!(await within(heard, left, clock))) {
      const said = await heard
      confirmed = said === 'same'
      if (said === 'newer') await within(done, toCome ? allPatienceMs : prepareMs, clock)
    }
    const version = line.current
    if (!version) throw new CausewayError('NotFound', `${line.origin.host} has no ${line.suite.top}`)
    if (version === current && !confirmed) return { version, outcome: 'stale' }
    if (toCome) line.expected = { id: version.id, sinceMs: clock.now() }
    if (joined) return { version, outcome: 'joined' }
    return { version, outcome: version === current ? 'revalidated' : 'miss' }
  }

  #isFresh({ expected }: Line, { id, validatedAtMs }: Version): boolean {
    const { clock, settings } = this.#deps
    const now = clock.now()
    if (Math.abs(now - validatedAtMs) < settings.indexes.fresh) return true
    return expected?.id === id && Math.abs(now - expected.sinceMs) < toComeMs
  }

  async #isKept(version: Version): Promise<boolean> {
    const file = version.attached.get(version.top)
    return file !== undefined && (await this.#deps.bringer.isKept(wantedOf(version, file).key))
  }
}
