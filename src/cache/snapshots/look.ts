import type { Clock } from '../../base/clock.ts'
import { toCausewayError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Events } from '../events.ts'
import type { Format, IndexFile, Suite } from '../formats/format.ts'
import type { Origin } from '../origins.ts'
import type { Counters } from '../watch/counters.ts'
import { forEach } from './for-each.ts'
import { isOlder, nextVersion } from './next-version.ts'
import type { Top, Tops } from './tops.ts'
import { Trouble } from './trouble.ts'
import { indexNameOf, topPaths, type Version } from './version.ts'

export interface LookDeps {
  readonly tops: Tops
  readonly events: Events
  readonly counters: Counters
  readonly clock: Clock
  readonly log: Logger
}

/** The line that is looked after: what a look has to know of it, and does to it. */
export interface LookedAfter {
  readonly name: string
  readonly origin: Origin
  readonly suite: Suite
  readonly format: Format
  /** The version in use. */
  readonly current: Version | undefined
  /** When clients last asked for an index, by its name; milliseconds since the epoch. */
  readonly asked: ReadonlyMap<string, number>
  /** The origin says that a version is still the newest. */
  confirm(version: Version): Promise<void>
  keepTop(version: Version, top: Top): Promise<void>
  /** Keeps the store from evicting what there is, `next` with it. */
  protect(): void
  bring(version: Version, file: IndexFile): Promise<unknown>
  attach(version: Version, path: string): Promise<unknown>
  use(version: Version): void
  drop(version: Version): void
}

/** What the origin said at the last look, as soon as it is known (and, of a newer version, its top index is kept). */
type Heard = 'same' | 'newer' | 'away'

/** What became of a look: nothing new, the newer version is in use, or the old one stays although it may not be the newest. */
type Looked = 'same' | 'switched' | 'stays'

export interface Look {
  /** Rejects only when `done` does, which is when there is no version to stay with. */
  readonly heard: Promise<Heard>
  readonly done: Promise<Looked>
  /** Milliseconds since the epoch. */
  readonly begunMs: number
}

/** Milliseconds after which a version that could not be completed is tried again. */
const retryMs = 5_000

/** Milliseconds for which an index that nobody asked for any more goes on being brought into new versions. */
const askedMs = 7 * 24 * 60 * 60_000

/** Looks at the origin for a suite's newest version, and prepares the step to it. */
export class Looks {
  readonly #line: LookedAfter
  readonly #deps: LookDeps
  readonly #trouble: Trouble
  #look: Look | undefined
  #lastMs: number | undefined
  #next: Version | undefined
  #failed: { readonly id: string; readonly atMs: number } | undefined

  constructor(line: LookedAfter, deps: LookDeps) {
    this.#line = line
    this.#deps = deps
    this.#trouble = new Trouble(line.name, deps)
  }

  /** A newer version than the one in use that is being completed, or could not be so far. Its top index is kept. */
  get next(): Version | undefined {
    return this.#next
  }

  /** When the last look began, if none is under way; milliseconds since the epoch. */
  get lastMs(): number | undefined {
    return this.#look ? undefined : this.#lastMs
  }

  /** Asks the origin for the newest version, once at a time: whoever comes meanwhile shares the look. */
  look(): Look & { readonly joined: boolean } {
    if (this.#look) return { ...this.#look, joined: true }
    const { promise: heard, resolve, reject } = Promise.withResolvers<Heard>()
    const begunMs = this.#deps.clock.now()
    this.#lastMs = begunMs
    const done = this.#run(resolve).finally(() => {
      this.#look = undefined
      this.#deps.counters.fetching -= 1
    })
    this.#deps.counters.fetching += 1
    heard.catch(() => {})
    done.catch(reject)
    const look = { heard, done, begunMs }
    this.#look = look
    return { ...look, joined: false }
  }

  /** Resolves when no look is under way. */
  async idle(): Promise<void> {
    await this.#look?.done.catch(() => {})
  }

  async #run(hear: (heard: Heard) => void): Promise<Looked> {
    const { tops, clock } = this.#deps
    const line = this.#line
    const before = line.current
    let top: Top | 'same'
    try {
      top = await tops.look(line.format, line.origin, line.suite, before)
    } catch (error) {
      if (!before) throw error
      return this.#withstand(before, error, hear)
    }
    if (top === 'same' || top.sha256 === before?.id) {
      if (before) await line.confirm(before)
      this.#trouble.eased()
      hear('same')
      return 'same'
    }
    if (before && isOlder(top, before) && !this.#trouble.long()) {
      this.#trouble.complain('IndexIncomplete', `the origin has an older one than before (${top.sha256.slice(0, 12)})`)
      hear('away')
      return 'stays'
    }
    if (before && this.#failed?.id === top.sha256 && Math.abs(clock.now() - this.#failed.atMs) < retryMs) {
      hear('away')
      return 'stays'
    }
    const version = nextVersion(line, top, before, clock.now())
    try {
      await line.keepTop(version, top)
      this.#next = version
      line.protect()
      hear('newer')
      if (before) await this.#prepare(version)
    } catch (error) {
      if (!before) throw error
      this.#failed = { id: top.sha256, atMs: clock.now() }
      this.#trouble.complain('IndexIncomplete', toCausewayError(error).message, error)
      // Of no effect where the version was told of.
      hear('away')
      return 'stays'
    }
    this.#next = this.#failed = undefined
    line.use(version)
    this.#trouble.over()
    return 'switched'
  }

  /** The origin gave no answer, or none that can be used: what there is stays in use. */
  #withstand(before: Version, error: unknown, hear: (heard: Heard) => void): Looked {
    const { code, message } = toCausewayError(error)
    if (code === 'NotFound' && (before.files.size === 0 || this.#trouble.long())) {
      this.#line.drop(before)
      throw error
    }
    hear('away')
    if (code === 'BadSignature') this.#trouble.complain('BadSignature', message, error)
    else if (code === 'NotFound' || code === 'MalformedOutput')
      this.#trouble.complain('IndexIncomplete', message, error)
    else this.#deps.log.debug({ suite: this.#line.name, err: error }, 'the origin does not answer about a suite')
    return 'stays'
  }

  /** Brings what clients asked for in the version before, so that the new one can take its place as a whole. */
  async #prepare(version: Version): Promise<void> {
    const line = this.#line
    const late = this.#deps.clock.now() - askedMs
    const wanted = new Set([...line.asked].filter(([, askedAtMs]) => askedAtMs > late).map(([name]) => name))
    const files = [...version.files.values()].filter(({ path }) => wanted.has(indexNameOf(path)))
    await forEach(files, 4, async (file) => {
      try {
        await line.bring(version, file)
      } catch (error) {
        // Some repositories list what they don't have, for good.
        if (toCausewayError(error).code !== 'NotFound' || !this.#trouble.long()) throw error
      }
    })
    for (const path of topPaths(line.suite)) {
      if (!wanted.has(path) || version.attached.has(path)) continue
      try {
        await line.attach(version, path)
      } catch (error) {
        // Clients also ask for what many repositories never had, such as Arch's `core.db.sig`.
        const never = line.current?.attached.has(path) !== true
        if (toCausewayError(error).code !== 'NotFound' || !(never || this.#trouble.long())) throw error
      }
    }
  }
}
