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
  /** What the index learned last says of a file; undefined when none speaks of it. */
  expected(origin: Origin, path: string): Expected | undefined
  /**
   * Reads an index and notes what it says, in steps that don't hold up requests; at once when it is known already.
   * @param read The index's bytes, as it is kept.
   * @throws CausewayError `MalformedOutput`
   */
  learn(index: PackageIndex, read: () => AsyncIterable<Buffer>): Promise<void>
  /** The packages of some index versions that have a name or provide it. */
  named(indexes: readonly string[], name: string): readonly Package[]
  /** Drops versions that no snapshot uses any more. */
  forget(indexes: readonly string[]): void
}
