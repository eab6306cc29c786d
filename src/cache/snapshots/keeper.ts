import { CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Wanted } from '../fill/wanted.ts'
import type { IndexFile, Suite } from '../formats/format.ts'
import { readMetalink } from '../formats/metalink.ts'
import { plainPath } from '../formats/paths.ts'
import type { Origin } from '../origins.ts'
import type { CacheSettings } from '../settings.ts'
import type { PackageIndex } from '../verify/catalogue.ts'
import { Choice } from './choice.ts'
import type { Line } from './line.ts'
import { Lines, type LinesDeps } from './lines.ts'
import { Pins } from './pins.ts'
import type { ListedSnapshot, SeenBy, Snapshot, SnapshotAnswer, Snapshots } from './snapshots.ts'
import { fileAt, indexNameOf, topPaths, type Version, wantedOf } from './version.ts'
import { Views } from './views.ts'

export interface KeeperDeps extends LinesDeps {
  readonly settings: Pick<CacheSettings, 'indexes' | 'clusters'>
}

/** Milliseconds for which a client that got a top index sees what belongs to it. An `apt-get update` takes seconds. */
const viewMs = 15 * 60_000

/** Milliseconds after which an index that is still coming is handed on as it comes, so that no client gives up. */
const streamMs = 10_000

/** Milliseconds to wait before each further look at a mirror whose indexes don't fit each other yet. */
const settleMs = [250, 1_000, 3_000]

/** Milliseconds for which an index that its origin lists and doesn't have is not asked for again. */
const missingMs = 5_000

/** The snapshots of all suites: which version of an index a client sees, and the steps from one to the next. */
export class SnapshotKeeper implements Snapshots {
  readonly #deps: KeeperDeps
  readonly #lines: Lines
  readonly #pins: Pins
  readonly #views = new Views(viewMs)
  readonly #choice: Choice
  readonly #missing = new Map<string, number>()
  #sweptMs = 0
  #retaining: Promise<void> = Promise.resolve()
  #closed = false

  constructor(deps: KeeperDeps) {
    this.#deps = deps
    const { tables, settings } = deps
    this.#lines = new Lines(deps)
    this.#pins = new Pins(settings.clusters, tables)
    this.#choice = new Choice({ ...deps, pins: this.#pins })
    for (const { client, host, suite, id, seenMs } of tables.seen())
      this.#views.saw(client, `${host} ${suite}`, id, seenMs)
  }

  async answer(origin: Origin, asked: string, client: string): Promise<SnapshotAnswer | undefined> {
    const path = asked.includes('?') ? undefined : plainPath(asked)
    const found = path === undefined ? undefined : this.#lines.suiteOf(path)
    if (path === undefined || !found) return undefined
    const line = await this.#lines.of(origin, found.suite, found.format)
    this.#sweep()
    // A disk that takes nothing in has no room for versions; what is kept may be served.
    if (this.#deps.store.troubled && !line.current) return undefined
    const isTop = path === line.suite.top || path === line.suite.parted?.top
    return isTop ? this.#answerTop(line, path, client) : this.#answerOther(line, path, client)
  }

  async #answerTop(line: Line, path: string, client: string): Promise<SnapshotAnswer> {
    const { version, outcome } = await this.#choice.ofTop(line, client)
    const file = await this.#beside(line, version, path)
    this.#saw(line, version, client)
    return { wanted: wantedOf(version, file), outcome }
  }

  async #answerOther(line: Line, path: string, client: string): Promise<SnapshotAnswer | undefined> {
    const { clock } = this.#deps
    const byHash = path.includes('/by-hash/')
    const seen = line.versions.get(this.#views.seen(client, line.name, clock.now()) ?? '')
    if (byHash) {
      // Such a name means one content, whichever version it is of.
      for (const version of [seen, line.current, ...line.versions.values()]) {
        const file = version?.aliases.get(path)
        if (version && file) return this.#bring(line, version, file, client, 'hit')
      }
      return undefined
    }
    // The version that it has got the top index of, or else the one that it would get.
    if (seen) return this.#answerOf(line, seen, path, client, 'hit')
    const { version, outcome } = await this.#choice.of(line, { cluster: this.#pins.clusterOf(client) })
    try {
      return await this.#answerOf(line, version, path, client, outcome)
    } catch (error) {
      if (!line.current || line.current === version) throw error
      return this.#answerOf(line, line.current, path, client, 'miss')
    }
  }

  async #answerOf(line: Line, version: Version, path: string, client: string, outcome: SnapshotAnswer['outcome']) {
    const beside = topPaths(line.suite).includes(path)
    const file = beside ? await this.#beside(line, version, path) : fileAt(version, path)
    return file && this.#bring(line, version, file, client, outcome)
  }

  gaveMetalink(client: string, body: Buffer): void {
    const { origins, log } = this.#deps
    try {
      for (const { host, path, sha256 } of readMetalink(body)) {
        const suite = origins.has(host) ? this.#lines.suiteOf(path)?.suite : undefined
        if (suite?.top === path) this.#choice.promise(client, `${host} ${path}`, sha256)
      }
    } catch (error) {
      log.debug({ client, err: error }, 'a metalink can not be read; it is passed on as it is')
    }
  }

  async #beside(line: Line, version: Version, path: string): Promise<IndexFile> {
    line.ask(path)
    const attached = version.attached.get(path)
    if (attached) return attached
    try {
      return await line.attach(version, path)
    } catch (error) {
      // The origin has moved on: whoever comes next gets what it has now. Why that fails, if it does, they hear then.
      if (toCausewayError(error).code === 'DigestMismatch') void line.look().done.catch(() => {})
      throw error
    }
  }

  /** Sees to it that an index is kept or on its way. */
  async #bring(
    line: Line,
    version: Version,
    file: IndexFile,
    client: string,
    outcome: SnapshotAnswer['outcome'],
  ): Promise<SnapshotAnswer> {
    const { clock, learner } = this.#deps
    line.ask(file.path)
    const wanted = wantedOf(version, file)
    if (this.#isMissing(wanted.key, clock.now()))
      throw new CausewayError('NotFound', `${line.origin.host} lists ${file.path} and does not have it`)
    for (const pause of [...settleMs, undefined]) {
      try {
        const brought = await line.bring(version, file, streamMs)
        if (brought !== 'hit') learner.learn(line.format, version, file)
        return { wanted, outcome: brought === 'hit' ? outcome : brought }
      } catch (error) {
        const { code } = toCausewayError(error)
        if (code !== 'NotFound' && code !== 'DigestMismatch') throw error
        // The origin doesn't have what its index says: it has a newer index, or will have soon.
        const looked = await this.#lookFor(line, version)
        if (looked === 'same' && code === 'NotFound') {
          this.#missing.set(wanted.key, clock.now())
          throw error
        }
        if (looked === 'switched' || pause === undefined) throw this.#unobtainable(line, version, file, client, error)
        await clock.sleep(pause)
      }
    }
    throw new Error('unreachable')
  }

  /** What a newer look says of a version that can't be completed now. */
  async #lookFor(line: Line, version: Version): Promise<'same' | 'switched' | 'stays'> {
    if (version === line.current) return line.look().done.catch(() => 'stays' as const)
    return line.isNewest(version) ? 'stays' : 'switched'
  }

  /** The client is left with a top index that can't be completed any more: it must ask for that anew. */
  #unobtainable(line: Line, version: Version, file: IndexFile, client: string, cause: unknown): CausewayError {
    this.#views.forget(client, line.name)
    const message = `${file.path} of ${line.origin.host} is no longer to be had as the index of ${version.id.slice(0, 12)} names it: ask for ${version.top} again`
    this.#deps.events.report('IndexIncomplete', line.name, message, cause)
    return new CausewayError('DigestMismatch', message, { cause })
  }

  kept(origin: Origin, asked: string): Wanted | undefined {
    const path = asked.includes('?') ? undefined : plainPath(asked)
    const found = path === undefined ? undefined : this.#lines.suiteOf(path)
    const line = found && this.#lines.loaded(origin, found.suite)
    if (path === undefined || !line) return undefined
    for (const version of line.versions.values()) {
      const file = version.aliases.get(path) ?? (indexNameOf(path) === path ? undefined : version.files.get(path))
      if (file) return wantedOf(version, file)
    }
    return undefined
  }

  async current(origin: Origin, suite: Suite, seenBy: SeenBy = {}): Promise<Snapshot> {
    const format = this.#deps.formats.find(({ name }) => name === suite.format)
    if (!format) throw new CausewayError('InvalidRequest', `no format is called ${suite.format}`)
    const { version } = await this.#choice.of(await this.#lines.of(origin, suite, format), seenBy)
    return snapshotOf(version)
  }

  viewers(): readonly (string | undefined)[] {
    return this.#pins.viewers()
  }

  viewerOf(client: string): string | undefined {
    return this.#pins.clusterOf(client)
  }

  async index({ id, origin, suite }: Snapshot, path: string): Promise<PackageIndex> {
    const line = this.#lines.loaded(origin, suite)
    const version = line?.versions.get(id)
    const file = version && fileAt(version, path)
    if (!line || !file) throw new CausewayError('NotFound', `${suite.top} of ${origin.host} names no ${path}`)
    line.ask(file.path)
    await line.bring(version, file)
    const index = await this.#deps.learner.learnNow(line.format, version, file)
    if (!index) throw new CausewayError('DamagedBody', `${path} of ${origin.host} was kept a moment ago and is gone`)
    return index
  }

  async pin(cluster: string): Promise<readonly Snapshot[]> {
    this.#known(cluster)
    const lines = await this.#lines.all()
    this.#pins.pin(cluster, lines)
    return lines.flatMap(({ current }) => (current ? [snapshotOf(current)] : []))
  }

  unpin(cluster: string): void {
    this.#known(cluster)
    this.#pins.unpin(cluster)
    this.#sweptMs = 0
  }

  #known(cluster: string): void {
    if (!this.#pins.knows(cluster))
      throw new CausewayError('InvalidRequest', `the configuration names no cluster ${cluster}`)
  }

  async list(): Promise<readonly ListedSnapshot[]> {
    const lines = await this.#lines.all()
    return lines.flatMap((line) =>
      [...line.versions.values()].map((version) => ({
        ...snapshotOf(version),
        inUse: version === line.current,
        pinnedBy: this.#pins.of(line, version.id),
      })),
    )
  }

  /** Resolves when nothing goes on in the background any more. Close the upstream before it, and the catalogue meanwhile. */
  async close(): Promise<void> {
    this.#closed = true
    const learned = this.#deps.learner.close()
    await this.#lines.idle()
    await this.#retaining
    await learned
  }

  #saw(line: Line, version: Version, client: string): void {
    const seenMs = this.#deps.clock.now()
    this.#views.saw(client, line.name, version.id, seenMs)
    this.#deps.tables.see({ client, ...line.id, id: version.id, seenMs })
  }

  /** Whether a file was found missing a moment ago; a clock that was set back ends the moment. */
  #isMissing(key: string, nowMs: number): boolean {
    const age = nowMs - (this.#missing.get(key) ?? Number.NaN)
    return age >= 0 && age < missingMs
  }

  /** Now and then: forgets versions that are neither in use nor pinned nor seen by anybody. */
  #sweep(): void {
    const now = this.#deps.clock.now()
    if (this.#closed || Math.abs(now - this.#sweptMs) < 60_000) return
    this.#sweptMs = now
    for (const key of this.#missing.keys()) if (!this.#isMissing(key, now)) this.#missing.delete(key)
    this.#deps.tables.forgetSeen(now - viewMs)
    const ids = new Set([...this.#views.inSight(now), ...this.#choice.promised(now), ...this.#pins.ids()])
    this.#retaining = this.#retaining
      .then(() => this.#lines.retain(ids))
      .catch((error: unknown) => this.#deps.log.warn({ err: error }, 'old snapshots stay'))
  }
}

function snapshotOf({ id, origin, suite, files, madeAtMs, validatedAtMs }: Version): Snapshot {
  return { id, origin, suite, files: [...files.values()], madeAtMs, validatedAtMs }
}
