import { toCausewayError } from '../../base/errors.ts'
import type { Format, IndexFile, Suite } from '../formats/format.ts'
import type { Origin } from '../origins.ts'
import type { Store } from '../store/port.ts'
import type { Bringer, Brought } from './bringer.ts'
import type { Learner } from './learner.ts'
import { type Look, type LookDeps, Looks } from './look.ts'
import type { SnapshotTables, SuiteId } from './tables.ts'
import { keepWhole, readWhole, servedHeaders, taggedHeaders } from './top-store.ts'
import type { Top } from './tops.ts'
import { indexFile, indexNameOf, tablesOf, type Version, versionKey, wantedOf } from './version.ts'

export interface LineDeps extends LookDeps {
  readonly bringer: Bringer
  readonly learner: Learner
  readonly store: Store
  readonly tables: SnapshotTables
}

/** Milliseconds after which a suite that there is not is forgotten. */
const overMs = 60_000

/** The line of versions of one suite: the one in use, and those before it that are still seen. `Looks` finds the next. */
export class Line {
  readonly origin: Origin
  readonly suite: Suite
  readonly format: Format
  /** What names it: host and path of the top index. */
  readonly name: string
  /** Read back from the store first, see `load`. */
  current: Version | undefined
  readonly versions = new Map<string, Version>()
  /** The version whose packages were brought for nodes that are to come, and since when; milliseconds since the epoch. */
  expected: { readonly id: string; readonly sinceMs: number } | undefined
  /** Names of the indexes that clients have asked for, and when last; milliseconds since the epoch. */
  readonly asked = new Map<string, number>()
  readonly #deps: LineDeps
  readonly #looks: Looks

  constructor(origin: Origin, suite: Suite, format: Format, deps: LineDeps) {
    this.origin = origin
    this.suite = suite
    this.format = format
    this.name = `${origin.host} ${suite.top}`
    this.#deps = deps
    this.#looks = new Looks(this, deps)
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
    return this.#looks.look()
  }

  /** Resolves when no look is under way. */
  idle(): Promise<void> {
    return this.#looks.idle()
  }

  /** Whether a version is the newest of the origin as far as is known: in use, or not complete yet. */
  isNewest({ id }: Version): boolean {
    return id === this.current?.id || id === this.#looks.next?.id
  }

  /** The version with a digest. One that isn't complete yet is held for clients from then on. */
  version(id: string): Version | undefined {
    const { next } = this.#looks
    if (!this.versions.has(id) && next?.id === id) this.#hold(next, false)
    return this.versions.get(id)
  }

  /** Whether there is no such suite, by a look of a while ago. */
  isOver(): boolean {
    const { lastMs } = this.#looks
    return this.versions.size === 0 && lastMs !== undefined && Math.abs(this.#deps.clock.now() - lastMs) > overMs
  }

  /** The origin says that a version is still the newest. */
  async confirm(version: Version): Promise<void> {
    const { clock, tables, store } = this.#deps
    version.validatedAtMs = clock.now()
    tables.validated(this.id, version.id, version.validatedAtMs)
    const key = versionKey(this.origin, indexFile(version.top, version.id, undefined))
    await store.touch(key, servedHeaders(version), version.validatedAtMs)
  }

  /** Keeps the top index of a version that is not in use yet. */
  async keepTop(version: Version, top: Top): Promise<void> {
    await keepWhole(this.#deps, this.origin, top, servedHeaders(version))
    if (top.signature) await keepWhole(this.#deps, this.origin, top.signature, taggedHeaders(top.signature))
  }

  /** Puts a version in the place of the one before. */
  use(version: Version): void {
    this.current = version
    this.#hold(version, true)
    for (const file of this.heldFiles(version)) this.#deps.learner.learn(this.format, version, file)
  }

  #hold(version: Version, inUse: boolean): void {
    const { tables } = this.#deps
    const { id, top, headers, modifiedMs, validatedAtMs } = version
    this.versions.set(id, version)
    tables.putVersion({ ...this.id, id, top, headers, modifiedMs, validatedMs: validatedAtMs, inUse })
    for (const { path, expected } of version.attached.values()) tables.attach(this.id, id, path, expected.digest)
    this.protect()
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

  /** Keeps the store from evicting what versions are made of, and what the next one will be. */
  protect(): void {
    this.#deps.store.pin(`suite ${this.name}`, [...this.#keys()])
  }

  #keys(): Set<string> {
    const { next } = this.#looks
    const versions = [...this.versions.values(), ...(next ? [next] : [])]
    return new Set(versions.flatMap((version) => this.#keysOf(version)))
  }

  /** What is held, of all versions. */
  held(): { version: Version; file: IndexFile }[] {
    return [...this.versions.values()].flatMap((version) => this.heldFiles(version).map((file) => ({ version, file })))
  }

  #keysOf(version: Version): string[] {
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
    for (const key of new Set(gone.flatMap((version) => this.#keysOf(version)))) {
      // Meanwhile a new version may have come that has it, too.
      if (!this.#keys().has(key)) await this.#deps.store.remove(key)
    }
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
