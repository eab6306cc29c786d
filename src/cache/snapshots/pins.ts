import type { CacheSettings } from '../settings.ts'
import { Clusters } from './clusters.ts'
import type { PinRow, SnapshotTables } from './tables.ts'

/** What pinning needs of a line. */
interface PinnedLine {
  readonly name: string
  readonly id: Pick<PinRow, 'host' | 'suite'>
  readonly versions: ReadonlyMap<string, unknown>
}

/** Which versions pinned clusters stay with. Kept, so that a restart changes nothing. */
export class Pins {
  readonly #clusters: Clusters
  readonly #tables: SnapshotTables
  /** Versions by the line's name, of each pinned cluster. */
  readonly #pinned = new Map<string, Map<string, string>>()

  constructor(settings: CacheSettings['clusters'], tables: SnapshotTables) {
    this.#clusters = new Clusters(settings)
    this.#tables = tables
    for (const cluster of tables.pinnedClusters()) this.#pinned.set(cluster, new Map())
    for (const { cluster, host, suite, id } of tables.pins()) this.#pinned.get(cluster)?.set(`${host} ${suite}`, id)
  }

  /** Whether the configuration has a cluster, or one of an earlier configuration is still pinned. */
  knows(cluster: string): boolean {
    return this.#clusters.has(cluster) || this.#pinned.has(cluster)
  }

  /** The pinned cluster that a client belongs to. */
  clusterOf(client: string): string | undefined {
    if (this.#pinned.size === 0) return undefined
    const cluster = this.#clusters.of(client)
    return cluster !== undefined && this.#pinned.has(cluster) ? cluster : undefined
  }

  /** Each pinned cluster of the configuration, and undefined for those who see what is in use: all others, if there are. */
  viewers(): readonly (string | undefined)[] {
    const { names } = this.#clusters
    if (names.length === 0) return [undefined]
    return [...new Set(names.map((name) => (this.#pinned.has(name) ? name : undefined)))]
  }

  /** The version that a cluster stays with; undefined when it isn't pinned, or hasn't seen that line yet. */
  versionOf(cluster: string | undefined, line: PinnedLine): string | undefined {
    return cluster === undefined ? undefined : this.#pinned.get(cluster)?.get(line.name)
  }

  /** A pinned cluster sees a line for the first time, or what it stayed with is lost: it stays with this from now on. */
  saw(cluster: string | undefined, line: PinnedLine, id: string): void {
    const pins = cluster === undefined ? undefined : this.#pinned.get(cluster)
    if (cluster === undefined || !pins || line.versions.has(pins.get(line.name) ?? '')) return
    pins.set(line.name, id)
    this.#tables.addPin({ cluster, ...line.id, id })
  }

  /** Pins a cluster to these versions, and to none of before. */
  pin(
    cluster: string,
    lines: readonly (PinnedLine & { readonly current: { readonly id: string } | undefined })[],
  ): void {
    const rows = lines.flatMap(({ id, current }) => (current ? [{ cluster, ...id, id: current.id }] : []))
    this.#tables.pinCluster(cluster, rows)
    this.#pinned.set(cluster, new Map(rows.map(({ host, suite, id }) => [`${host} ${suite}`, id])))
  }

  unpin(cluster: string): void {
    this.#tables.unpinCluster(cluster)
    this.#pinned.delete(cluster)
  }

  /** The clusters that stay with a version. */
  of(line: PinnedLine, id: string): readonly string[] {
    return [...this.#pinned].flatMap(([cluster, pins]) => (pins.get(line.name) === id ? [cluster] : []))
  }

  /** All versions that some cluster stays with. */
  ids(): readonly string[] {
    return [...this.#pinned.values()].flatMap((pins) => [...pins.values()])
  }
}
