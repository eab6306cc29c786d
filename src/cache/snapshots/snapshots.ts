import type { Wanted } from '../fill/wanted.ts'
import type { IndexFile, Suite } from '../formats/format.ts'
import type { Origin } from '../origins.ts'
import type { PackageIndex } from '../verify/catalogue.ts'

/**
 * One consistent state of a suite: its top index and, of each index that the top one names and that nodes have asked for,
 * the version with the digest that it names. It is switched as a whole: the next one is used when all of these are there.
 */
export interface Snapshot {
  /** SHA-256 of the top index's body. */
  readonly id: string
  readonly origin: Origin
  readonly suite: Suite
  readonly files: readonly IndexFile[]
  readonly madeAtMs: number | undefined
  /** When the origin last said that it is the newest; milliseconds since the epoch. */
  readonly validatedAtMs: number
}

/** How a request for an index is answered. */
export interface SnapshotAnswer {
  /**
   * The version that this client is to see: kept, or on its way (then as `package`, so that whoever asks `Fetches` for it
   * joins). Its content never changes.
   */
  readonly wanted: Wanted
  readonly outcome: 'hit' | 'miss' | 'joined' | 'revalidated' | 'stale'
}

/** Whom a snapshot is for. */
export interface SeenBy {
  /** One of `viewers`. */
  readonly cluster?: string | undefined
  /**
   * Whether they are still to come, and are brought what it lists: then the origin is asked with all patience, and they get it
   * for some minutes without another question, so that what was brought is what they ask for.
   */
  readonly toCome?: boolean | undefined
}

/** Which version of an index a client sees. */
export interface Snapshots {
  /**
   * The version that answers a request, fetched if need be. A client that has got a top index sees the others of that
   * snapshot, also when a newer one is in use by then; a pinned cluster's clients see the pinned one.
   * Undefined for what belongs to no suite: that is answered like any other file.
   * @throws CausewayError `OriginUnreachable` when nothing is kept either, `NotFound`, `DigestMismatch` when the origin
   *   has only what doesn't fit what this client has got, `BadSignature`
   */
  answer(origin: Origin, path: string, client: string): Promise<SnapshotAnswer | undefined>
  /**
   * A client is about to get a metalink: it will take no other top index than the one that it vouches for, so that is what it
   * gets when it asks next, for as long as the origin has it or it is kept.
   */
  gaveMetalink(client: string, body: Buffer): void
  /** What an index is kept under whose name means one content (`by-hash`), without asking anybody; it may be evicted. */
  kept(origin: Origin, path: string): Wanted | undefined
  /**
   * The snapshot of a suite that nodes see now: the one that a pinned cluster stays with; for all others the one in use,
   * fetched or brought up to date first.
   * @throws CausewayError as `answer`
   */
  current(origin: Origin, suite: Suite, seenBy?: SeenBy): Promise<Snapshot>
  /**
   * Whose nodes may see different snapshots: each pinned cluster, and undefined for those who see what is in use. That is not
   * among them when all clusters of the configuration are pinned.
   */
  viewers(): readonly (string | undefined)[]
  /** Which of the viewers a client is, by its address. */
  viewerOf(client: string): string | undefined
  /** What a cluster's nodes see from now on stays as it is now. */
  pin(cluster: string): Promise<readonly Snapshot[]>
  unpin(cluster: string): void
  /**
   * Brings one of a snapshot's indexes, and has the catalogue read it if it lists packages; `current` first.
   * @throws CausewayError as `answer`
   */
  index(snapshot: Snapshot, path: string): Promise<PackageIndex>
  list(): Promise<readonly ListedSnapshot[]>
}

/** A line of `causeway cache snapshots`. */
export interface ListedSnapshot extends Snapshot {
  readonly inUse: boolean
  /** Clusters. */
  readonly pinnedBy: readonly string[]
}
