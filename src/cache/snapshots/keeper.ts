import { CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Wanted } from '../fill/wanted.ts'
import type { Format, IndexFile, Suite } from '../formats/format.ts'
import { plainPath } from '../formats/paths.ts'
import type { Origin } from '../origins.ts'
import type { CacheSettings } from '../settings.ts'
import type { PackageIndex } from '../verify/catalogue.ts'
import { within } from './bringer.ts'
import { Clusters } from './clusters.ts'
import { Line, type LineDeps } from './line.ts'
import type { ListedSnapshot, Snapshot, SnapshotAnswer, Snapshots } from './snapshots.ts'
import { fileAt, indexNameOf, topPaths, type Version, wantedOf } from './version.ts'
import { Views, viewMs } from './views.ts'

export interface KeeperDeps extends LineDeps {
  readonly origins: ReadonlyMap<string, Origin>
  readonly formats: readonly Format[]
  readonly settings: Pick<CacheSettings, 'indexes' | 'clusters'>
}

/** Milliseconds that a client waits for a newer version to be completed before it gets the one in use. */
const prepareMs = 3_000

/** Milliseconds after which an index that is still coming is handed on as it comes, so that no client gives up. */
const streamMs = 10_000

/** Milliseconds to wait before each further look at a mirror whose indexes don't fit each other yet. */
const settleMs = [250, 1_000, 3_000]

/** Milliseconds for which an index that its origin lists and doesn't have is not asked for again. */
const missingMs = 5_000

/** The snapshots of all suites: which version of an index a client sees, and the steps from one to the next. */
export class SnapshotKeeper implements Snapshots {
  readonly #deps: KeeperDeps
  readonly #lines = new Map<string, Promise<Line>>()
  /** The same, as far as they are read back. */
  readonly #loaded = new Map<string, Line>()
  readonly #clusters: Clusters
  readonly #views = new Views()
  /** Versions by line, of each pinned cluster. */
  readonly #pinned = new Map<string, Map<string, string>>()
  readonly #missing = new Map<string, number>()
  #sweptMs = 0
  #retaining: Promise<void> = Promise.resolve()
  #closed = false

  constructor(deps: KeeperDeps) {
    this.#deps = deps
    const { tables, settings } = deps
    this.#clusters = new Clusters(settings.clusters)
    for (const { client, host, suite, id, seenMs } of tables.seen())
      this.#views.saw(client, `${host} ${suite}`, id, seenMs)
    for (const cluster of tables.pinnedClusters()) this.#pinned.set(cluster, new Map())
    for (const { cluster, host, suite, id } of tables.pins()) this.#pinned.get(cluster)?.set(`${host} ${suite}`, id)
  }

  async answer(origin: Origin, asked: string, client: string): Promise<SnapshotAnswer | undefined> {
    const path = asked.includes('?') ? undefined : plainPath(asked)
    const found = path === undefined ? undefined : this.#suiteOf(path)
    if (path === undefined || !found) return undefined
    const line = await this.#line(origin, found.suite, found.format)
    this.#sweep()
    // A disk that takes nothing in has no room for versions; what is kept may be served.
    if (this.#deps.store.troubled && !line.current) return undefined
    const isTop = path === line.suite.top || path === line.suite.parted?.top
    return isTop ? this.#answerTop(line, path, client) : this.#answerOther(line, path, client)
  }

  async #answerTop(line: Line, path: string, client: string): Promise<SnapshotAnswer> {
    const { version, outcome } = await this.#versionFor(line, client)
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
    const { version, outcome } = await this.#versionFor(line, client)
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

  /** The version that a client gets whom no earlier answer ties to one. */
  async #versionFor(line: Line, client: string): Promise<{ version: Version; outcome: SnapshotAnswer['outcome'] }> {
    const cluster = this.#clusters.of(client)
    const pins = cluster === undefined ? undefined : this.#pinned.get(cluster)
    const pinned = line.versions.get(pins?.get(line.name) ?? '')
    if (pinned && (await this.#isKept(pinned))) return { version: pinned, outcome: 'hit' }
    const newest = await this.#newest(line)
    if (pins && cluster !== undefined && !pins.has(line.name)) {
      pins.set(line.name, newest.version.id)
      this.#deps.tables.addPin({ cluster, ...line.id, id: newest.version.id })
    }
    return newest
  }

  /** The newest version, as far as the origin tells it before the client's patience ends. */
  async #newest(line: Line): Promise<{ version: Version; outcome: SnapshotAnswer['outcome'] }> {
    const { clock, settings } = this.#deps
    const { fresh, patience } = settings.indexes
    const before = line.current
    if (before && !(await this.#isKept(before))) line.drop(before)
    const { current } = line
    if (current && Math.abs(clock.now() - current.validatedAtMs) < fresh) return { version: current, outcome: 'hit' }
    const { heard, done, joined, begunMs } = line.look()
    // Whoever comes while an origin is silent doesn't wait all over again.
    const left = Math.max(1, begunMs + patience - clock.now())
    let confirmed = false
    if (!current) await done
    else if (!(await within(heard, left, clock))) {
      const said = await heard
      confirmed = said === 'same'
      if (said === 'newer') await within(done, prepareMs, clock)
    }
    const version = line.current
    if (!version) throw new CausewayError('NotFound', `${line.origin.host} has no ${line.suite.top}`)
    if (version !== current) return { version, outcome: joined ? 'joined' : 'miss' }
    if (!confirmed) return { version, outcome: 'stale' }
    return { version, outcome: joined ? 'joined' : 'revalidated' }
  }

  async #beside(line: Line, version: Version, path: string): Promise<IndexFile> {
    line.ask(path)
    const attached = version.attached.get(path)
    if (attached) return attached
    try {
      return await line.attach(version, path)
    } catch (error) {
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
    if ((this.#missing.get(wanted.key) ?? 0) > clock.now())
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
        const looked = version === line.current ? await line.look().done.catch(() => 'stays' as const) : 'switched'
        if (looked === 'same' && code === 'NotFound') {
          this.#missing.set(wanted.key, clock.now() + missingMs)
          throw error
        }
        if (looked === 'switched' || pause === undefined) throw this.#unobtainable(line, version, file, client, error)
        await clock.sleep(pause)
      }
    }
    throw new Error('unreachable')
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
    const found = path === undefined ? undefined : this.#suiteOf(path)
    const line = found && this.#loaded.get(`${origin.host} ${found.suite.top}`)
    if (path === undefined || !line) return undefined
    for (const version of line.versions.values()) {
      const file = version.aliases.get(path) ?? (indexNameOf(path) === path ? undefined : version.files.get(path))
      if (file) return wantedOf(version, file)
    }
    return undefined
  }

  async current(origin: Origin, suite: Suite): Promise<Snapshot> {
    const format = this.#deps.formats.find(({ name }) => name === suite.format)
    if (!format) throw new CausewayError('InvalidRequest', `no format is called ${suite.format}`)
    const { version } = await this.#newest(await this.#line(origin, suite, format))
    return snapshotOf(version)
  }

  async index({ id, origin, suite }: Snapshot, path: string): Promise<PackageIndex> {
    const line = this.#loaded.get(`${origin.host} ${suite.top}`)
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
    const lines = await this.#all()
    const pins = new Map<string, string>()
    const rows = lines.flatMap((line) => {
      if (!line.current) return []
      pins.set(line.name, line.current.id)
      return [{ cluster, ...line.id, id: line.current.id }]
    })
    this.#deps.tables.pinCluster(cluster, rows)
    this.#pinned.set(cluster, pins)
    return lines.flatMap(({ current }) => (current ? [snapshotOf(current)] : []))
  }

  unpin(cluster: string): void {
    this.#known(cluster)
    this.#deps.tables.unpinCluster(cluster)
    this.#pinned.delete(cluster)
    this.#sweptMs = 0
  }

  #known(cluster: string): void {
    if (!this.#clusters.has(cluster) && !this.#pinned.has(cluster))
      throw new CausewayError('InvalidRequest', `the configuration names no cluster ${cluster}`)
  }

  /** Reads back all that was kept. */
  async #all(): Promise<Line[]> {
    const { tables, origins } = this.#deps
    for (const { host, suite } of tables.versions()) {
      const origin = origins.get(host)
      const found = this.#suiteOf(suite)
      if (origin && found) await this.#line(origin, found.suite, found.format)
    }
    return [...this.#loaded.values()]
  }

  async list(): Promise<readonly ListedSnapshot[]> {
    const lines = await this.#all()
    return lines.flatMap((line) =>
      [...line.versions.values()].map((version) => ({
        ...snapshotOf(version),
        inUse: version === line.current,
        pinnedBy: [...this.#pinned].flatMap(([cluster, pins]) => (pins.get(line.name) === version.id ? [cluster] : [])),
      })),
    )
  }

  /** Resolves when nothing goes on in the background any more. Close the upstream before it, and the catalogue meanwhile. */
  async close(): Promise<void> {
    this.#closed = true
    const learned = this.#deps.learner.close()
    await Promise.all([...this.#loaded.values()].map((line) => line.idle()))
    await this.#retaining
    await learned
  }

  #saw(line: Line, version: Version, client: string): void {
    const seenMs = this.#deps.clock.now()
    this.#views.saw(client, line.name, version.id, seenMs)
    this.#deps.tables.see({ client, ...line.id, id: version.id, seenMs })
  }

  async #isKept(version: Version): Promise<boolean> {
    const file = version.attached.get(version.top)
    return file !== undefined && (await this.#deps.bringer.isKept(wantedOf(version, file).key))
  }

  #suiteOf(path: string): { suite: Suite; format: Format } | undefined {
    for (const format of this.#deps.formats) {
      const suite = format.suiteOf(path)
      if (suite) return { suite, format }
    }
    return undefined
  }

  #line(origin: Origin, suite: Suite, format: Format): Line | Promise<Line> {
    const name = `${origin.host} ${suite.top}`
    const loaded = this.#loaded.get(name)
    if (loaded) return loaded
    const loading = this.#lines.get(name)
    if (loading) return loading
    const begun = this.#load(new Line(origin, suite, format, this.#deps))
    this.#lines.set(name, begun)
    begun.catch(() => this.#lines.delete(name))
    return begun
  }

  async #load(line: Line): Promise<Line> {
    await line.load()
    this.#loaded.set(line.name, line)
    return line
  }

  /** Now and then: forgets versions that are neither in use nor pinned nor seen by anybody. */
  #sweep(): void {
    const now = this.#deps.clock.now()
    if (this.#closed || Math.abs(now - this.#sweptMs) < 60_000) return
    this.#sweptMs = now
    for (const [key, untilMs] of this.#missing) if (untilMs <= now) this.#missing.delete(key)
    this.#deps.tables.forgetSeen(now - viewMs)
    const ids = new Set(this.#views.inSight(now))
    for (const pins of this.#pinned.values()) for (const id of pins.values()) ids.add(id)
    this.#retaining = this.#retaining
      .then(() => this.#retain(ids))
      .catch((error: unknown) => this.#deps.log.warn({ err: error }, 'old snapshots stay'))
  }

  async #retain(ids: ReadonlySet<string>): Promise<void> {
    let some = false
    for (const line of this.#loaded.values()) some = (await line.retain(ids)) || some
    if (!some) return
    const lines = await this.#all()
    await this.#deps.learner.retain(
      lines.flatMap((line) =>
        [...line.versions.values()].flatMap((version) =>
          line
            .heldFiles(version)
            .filter((file) => line.format.listsPackages(file.path))
            .map((file) => ({ version, file })),
        ),
      ),
    )
  }
}

function snapshotOf({ id, origin, suite, files, madeAtMs, validatedAtMs }: Version): Snapshot {
  return { id, origin, suite, files: [...files.values()], madeAtMs, validatedAtMs }
}
