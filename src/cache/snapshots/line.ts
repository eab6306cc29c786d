import type { Clock } from '../../base/clock.ts'
import { toCausewayError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Events } from '../events.ts'
import type { Format, IndexFile, Suite } from '../formats/format.ts'
import type { Origin } from '../origins.ts'
import type { Store } from '../store/port.ts'
import type { Counters } from '../watch/counters.ts'
import type { Bringer, Brought } from './bringer.ts'
import { forEach } from './for-each.ts'
import type { Learner } from './learner.ts'
import { isOlder, nextVersion } from './next-version.ts'
import type { SnapshotTables, SuiteId } from './tables.ts'
import { keepWhole, readWhole, servedHeaders, taggedHeaders } from './top-store.ts'
import type { Top, Tops } from './tops.ts'
import { Trouble } from './trouble.ts'
import { indexFile, indexNameOf, tablesOf, topPaths, type Version, versionKey, wantedOf } from './version.ts'

export interface LineDeps {
  readonly tops: Tops
  readonly bringer: Bringer
  readonly learner: Learner
  readonly store: Store
  readonly tables: SnapshotTables
  readonly events: Events
  readonly counters: Counters
  readonly clock: Clock
  readonly log: Logger
}

/** What the origin said at the last look, as soon as it is known. */
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

/** The line of versions of one suite: the one in use, those before it that are still seen, and the step to the next. */
export class Line {
  readonly origin: Origin
  readonly suite: Suite
  readonly format: Format
  /** What names it: host and path of the top index. */
  readonly name: string
  /** Read back from the store first, see `load`. */
  current: Version | undefined
  readonly versions = new Map<string, Version>()
  /** Names of the indexes that clients have asked for, and when last; milliseconds since the epoch. */
  readonly asked = new Map<string, number>()
  readonly #deps: LineDeps
  #look: Look | undefined
  #failed: { readonly id: string; readonly atMs: number } | undefined
  readonly #trouble: Trouble

  constructor(origin: Origin, suite: Suite, format: Format, deps: LineDeps) {
    this.origin = origin
    this.suite = suite
    this.format = format
    this.name = `${origin.host} ${suite.top}`
    this.#deps = deps
    this.#trouble = new Trouble(this.name, deps)
  }

  get id(): SuiteId {
    return { host: this.origin.host, suite: this.suite.top }
  }

  /** Reads back what was there before a restart; a version whose top index isn't kept any more is gone. */
  async load(): Promise<void> {
    const { tables, store } = this.#deps
    for (const { name, askedMs } of tables.asked(this.id)) this.asked.set(name, askedMs)
    for (const row of tables.versions().filter(({ host, suite }) => `${host} ${suite}` === this.name)) {
      const body = await readWhole(store, versionKey(this.origin, indexFile(row.top, row.id, undefined)))
      if (!body) {
        tables.dropVersion(this.id, row.id)
        continue
      }
      const { id, top, headers, modifiedMs, validatedMs } = row
      const read = this.#read(body)
      const attached = new Map(
        tables.attached(this.id, id).map(({ path, sha256 }) => [path, indexFile(path, sha256, undefined)]),
      )
      const { origin, suite } = this
      const version: Version = {
        id,
        origin,
        suite,
        top,
        headers,
        modifiedMs,
        ...read,
        attached,
        validatedAtMs: validatedMs,
      }
      this.versions.set(id, version)
      if (row.inUse) this.current = version
    }
    this.protect()
  }

  /** What is in use was verified when it came, so a body that can't be read now was not one that could be read then. */
  #read(body: Buffer): Pick<Version, 'files' | 'aliases' | 'madeAtMs' | 'validUntilMs'> {
    try {
      const top = this.format.readTop(this.suite, body)
      return { ...tablesOf(top), madeAtMs: top.madeAtMs, validUntilMs: top.validUntilMs }
    } catch (error) {
      this.#deps.log.debug({ suite: this.name, err: error }, 'a kept top index can not be read')
      return { files: new Map(), aliases: new Map(), madeAtMs: undefined, validUntilMs: undefined }
    }
  }

  /** Asks the origin for the newest version, once at a time: whoever comes meanwhile shares the look. */
  look(): Look & { readonly joined: boolean } {
    if (this.#look) return { ...this.#look, joined: true }
    const { promise: heard, resolve, reject } = Promise.withResolvers<Heard>()
    const done = this.#run(resolve).finally(() => {
      this.#look = undefined
      this.#deps.counters.fetching -= 1
    })
    this.#deps.counters.fetching += 1
    heard.catch(() => {})
    done.catch(reject)
    const look = { heard, done, begunMs: this.#deps.clock.now() }
    this.#look = look
    return { ...look, joined: false }
  }

  /** Resolves when no look is under way. */
  async idle(): Promise<void> {
    await this.#look?.done.catch(() => {})
  }

  async #run(hear: (heard: Heard) => void): Promise<Looked> {
    const { tops, clock } = this.#deps
    const before = this.current
    let top: Top | 'same'
    try {
      top = await tops.look(this.format, this.origin, this.suite, before)
    } catch (error) {
      if (!before) throw error
      return this.#withstand(before, error, hear)
    }
    if (top === 'same' || top.sha256 === before?.id) {
      if (before) await this.#confirm(before)
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
    hear('newer')
    const version = nextVersion(this, top, before, clock.now())
    try {
      await this.#keepTop(version, top)
      if (before) await this.#prepare(version)
    } catch (error) {
      if (!before) throw error
      this.#failed = { id: top.sha256, atMs: clock.now() }
      this.#trouble.complain('IndexIncomplete', toCausewayError(error).message, error)
      return 'stays'
    }
    this.#use(version)
    return 'switched'
  }

  /** The origin gave no answer, or none that can be used: what there is stays in use. */
  #withstand(before: Version, error: unknown, hear: (heard: Heard) => void): Looked {
    const { code, message } = toCausewayError(error)
    if (code === 'NotFound' && (before.files.size === 0 || this.#trouble.long())) {
      this.drop(before)
      throw error
    }
    hear('away')
    if (code === 'BadSignature') this.#trouble.complain('BadSignature', message, error)
    else if (code === 'NotFound' || code === 'MalformedOutput')
      this.#trouble.complain('IndexIncomplete', message, error)
    else this.#deps.log.debug({ suite: this.name, err: error }, 'the origin does not answer about a suite')
    return 'stays'
  }

  async #confirm(version: Version): Promise<void> {
    const { clock, tables, store } = this.#deps
    version.validatedAtMs = clock.now()
    this.#trouble.eased()
    tables.validated(this.id, version.id, version.validatedAtMs)
    const key = versionKey(this.origin, indexFile(version.top, version.id, undefined))
    await store.touch(key, servedHeaders(version), version.validatedAtMs)
  }

  async #keepTop(version: Version, top: Top): Promise<void> {
    await keepWhole(this.#deps, this.origin, top, servedHeaders(version))
    if (top.signature) await keepWhole(this.#deps, this.origin, top.signature, taggedHeaders(top.signature))
  }

  /** Brings what clients asked for in the version before, so that the new one can take its place as a whole. */
  async #prepare(version: Version): Promise<void> {
    const { clock } = this.#deps
    const late = clock.now() - askedMs
    const wanted = new Set([...this.asked].filter(([, askedAtMs]) => askedAtMs > late).map(([name]) => name))
    const files = [...version.files.values()].filter(({ path }) => wanted.has(indexNameOf(path)))
    await forEach(files, 4, async (file) => {
      try {
        await this.bring(version, file)
      } catch (error) {
        // Some repositories list what they don't have, for good.
        if (toCausewayError(error).code !== 'NotFound' || !this.#trouble.long()) throw error
      }
    })
    for (const path of topPaths(this.suite)) {
      if (wanted.has(path) && !version.attached.has(path)) await this.attach(version, path)
    }
  }

  #use(version: Version): void {
    const { tables, learner } = this.#deps
    const { id, top, headers, modifiedMs, validatedAtMs } = version
    this.current = version
    this.versions.set(id, version)
    this.#failed = undefined
    this.#trouble.over()
    tables.putVersion({ ...this.id, id, top, headers, modifiedMs, validatedMs: validatedAtMs, inUse: true })
    for (const { path, expected } of version.attached.values()) tables.attach(this.id, id, path, expected.digest)
    this.protect()
    for (const file of this.heldFiles(version)) learner.learn(this.format, version, file)
  }

  /**
   * Brings an index of a version into the store: by the names that only this content has, if there are such.
   * @throws CausewayError as `Bringer.bring`
   */
  async bring(version: Version, file: IndexFile, patienceMs?: number): Promise<Brought> {
    const { bringer } = this.#deps
    for (const alias of file.aliases) {
      try {
        return await bringer.bring(wantedOf(version, file, alias), patienceMs)
      } catch (error) {
        const { code } = toCausewayError(error)
        if (code !== 'NotFound' && code !== 'DigestMismatch') throw error
      }
    }
    return bringer.bring(wantedOf(version, file, file.path), patienceMs)
  }

  /**
   * Brings what lies beside the top index of a version, as long as the origin still has it of that moment.
   * @throws CausewayError `DigestMismatch` when it has moved on, `NotFound`
   */
  async attach(version: Version, path: string): Promise<IndexFile> {
    const { signature, parted } = this.suite
    // A signature is told by what it lies beside.
    if (path === parted?.signature && !version.attached.has(parted.top)) await this.attach(version, parted.top)
    else if (path === signature && !version.attached.has(this.suite.top)) await this.attach(version, this.suite.top)
    const whole = await this.#deps.tops.beside(this.format, version, path)
    await keepWhole(this.#deps, this.origin, whole, taggedHeaders(whole))
    const file = indexFile(path, whole.sha256, whole.body.length)
    version.attached.set(path, file)
    if (this.versions.has(version.id)) {
      this.#deps.tables.attach(this.id, version.id, path, whole.sha256)
      this.protect()
    }
    return file
  }

  /** Notes that clients want an index, so that new versions come with it. */
  ask(path: string): void {
    const now = this.#deps.clock.now()
    const name = indexNameOf(path)
    if (now - (this.asked.get(name) ?? 0) < 60 * 60_000) return
    const first = !this.asked.has(name)
    this.asked.set(name, now)
    this.#deps.tables.ask(this.id, name, now)
    if (first) this.protect()
  }

  /** The files of a version that are brought for clients: its top index, what lies beside it, what was asked for. */
  heldFiles(version: Version): IndexFile[] {
    const files = [...version.attached.values()]
    for (const file of version.files.values()) if (this.asked.has(indexNameOf(file.path))) files.push(file)
    return files
  }

  /** Keeps the store from evicting what versions are made of. */
  protect(): void {
    const { store } = this.#deps
    const keys = [...this.versions.values()].flatMap((version) => this.keysOf(version))
    store.pin(`suite ${this.name}`, [...new Set(keys)])
  }

  keysOf(version: Version): string[] {
    return this.heldFiles(version).map((file) => versionKey(this.origin, file))
  }

  /** Forgets versions that nobody sees any more, and what only they had. Resolves to whether there were any. */
  async retain(ids: ReadonlySet<string>): Promise<boolean> {
    const gone = [...this.versions.values()].filter((version) => version !== this.current && !ids.has(version.id))
    if (gone.length === 0) return false
    for (const version of gone) {
      this.versions.delete(version.id)
      this.#deps.tables.dropVersion(this.id, version.id)
    }
    this.protect()
    const held = new Set([...this.versions.values()].flatMap((version) => this.keysOf(version)))
    const left = gone.flatMap((version) => this.keysOf(version)).filter((key) => !held.has(key))
    for (const key of new Set(left)) await this.#deps.store.remove(key)
    return true
  }

  /** Gives up a version that isn't kept any more, or that its origin has taken back. */
  drop(version: Version): void {
    if (this.current === version) this.current = undefined
    this.versions.delete(version.id)
    this.#deps.tables.dropVersion(this.id, version.id)
    this.protect()
  }
}
