import type { Package, Suite } from '../formats/format.ts'
import type { Origin } from '../origins.ts'
import type { Expected } from './expected.ts'

/** One version of an index that lists packages. */
export interface PackageIndex {
  readonly origin: Origin
  readonly suite: Suite
  /** Path from the origin's root, as the suite names it: its ending says how it is packed. */
  readonly file: string
  /** Of the body as it is kept, packed; identifies the version. */
  readonly sha256: string
}

/** What the indexes say of packages: which digest each must have, and what each needs. */
export interface Catalogue {
  /**
   * What a file's name or the index learned last says of its content; undefined when none speaks of it. Quick enough to
   * be asked for every request.
   * @param path Path from the origin's root as it was asked for, with or without escapes and query.
   */
  expected(origin: Origin, path: string): Expected | undefined
  /**
   * Reads an index and notes what it says, in steps that don't hold up requests; at once when it is known already.
   * Whoever learns the same at the same time shares one reading. All of it is noted or nothing.
   * @param read The index's bytes, as it is kept.
   * @throws CausewayError `MalformedOutput`, or what `read` throws
   */
  learn(index: PackageIndex, read: () => AsyncIterable<Buffer>): Promise<void>
  /** Whether an index was learned. */
  knows(index: PackageIndex): boolean
  /** The packages of some learned indexes that have a name or provide it, those of the index named first in front. */
  named(indexes: readonly PackageIndex[], name: string): readonly Package[]
  /** Drops all learned indexes but these: those that some snapshot still uses. */
  retain(indexes: readonly PackageIndex[]): Promise<void>
  /** Ends what is being learned; nothing half is noted. */
  close(): Promise<void>
}
