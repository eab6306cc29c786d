import type { Expected } from '../verify/expected.ts'
import type { Kind } from './kind.ts'

/** A set of indexes that belong together: a suite of Debian, a repository of RPM, Alpine or Arch. */
export interface Suite {
  readonly format: string
  /** Path of the repository's root, with a `/` at the end: what paths in the indexes are relative to. */
  readonly root: string
  /** Path of the index that names the digests of all others (`InRelease`, `repomd.xml`), or of the only one. */
  readonly top: string
  /** Path of the top index's signature where it lies apart: `repomd.xml.asc`, `core.db.sig`. */
  readonly signature?: string
  /** What a repository has besides `top`, or instead of it: the same signed apart, `Release` and `Release.gpg`. */
  readonly parted?: { readonly top: string; readonly signature: string }
}

/** An index that the top one vouches for. */
export interface IndexFile {
  /** From the origin's root, beginning with `/`. */
  readonly path: string
  /** The other paths that the same content has, such as `.../by-hash/SHA256/...`. */
  readonly aliases: readonly string[]
  readonly expected: Expected
}

/** What the top index says. */
export interface TopIndex {
  readonly files: readonly IndexFile[]
  /** When it was made; milliseconds since the epoch. An older one than before is no progress. */
  readonly madeAtMs: number | undefined
  /** Until when it may be used; milliseconds since the epoch. */
  readonly validUntilMs: number | undefined
}

/** One name that would satisfy a relation. */
export interface Need {
  readonly name: string
  /** What its version must be: an operator (`<<`, `<=`, `=`, `>=`, `>>`), a space, a version; undefined: any. */
  readonly constraint: string | undefined
}

/** One relation of a package: it is satisfied by any of these. */
export type Alternatives = readonly Need[]

/** Another name that a package satisfies. */
export interface Provided {
  readonly name: string
  /** Undefined: of no version in particular. */
  readonly version: string | undefined
}

/** A package as an index describes it. */
export interface Package {
  readonly name: string
  readonly version: string
  readonly architecture: string
  /**
   * The host that has it where the index names one, lower case; undefined: the same origin as the index. It counts only for
   * hosts that the origin may send the cache to (`Origin.redirects`).
   */
  readonly host: string | undefined
  /** From the origin's root, beginning with `/`, without escapes (`libstdc++6`, never `libstdc%2b%2b6`). */
  readonly path: string
  readonly expected: Expected | undefined
  readonly depends: readonly Alternatives[]
  readonly recommends: readonly Alternatives[]
  readonly provides: readonly Provided[]
}

/** What is known of one kind of repository. All pure but for unpacking, which is the caller's: bodies come uncompressed. */
export interface Format {
  readonly name: 'debian' | 'rpm' | 'alpine' | 'arch' | 'pypi' | 'conda' | 'npm' | 'image'
  /** What a file is, by its path without the query; undefined when it is none of this format's. */
  kindOf(file: string): Kind | undefined
  /**
   * The suite that an index belongs to, also by one of its other names (`by-hash`); undefined for what is no index, or
   * where indexes stand alone.
   */
  suiteOf(file: string): Suite | undefined
  /** @throws CausewayError `MalformedOutput` */
  readTop(suite: Suite, body: Buffer): TopIndex
  /** Whether an index of the suite lists packages. */
  listsPackages(file: string): boolean
  /**
   * The packages of an index, uncompressed.
   * @param chunks The text in pieces of any size.
   * @throws CausewayError `MalformedOutput`
   */
  readPackages(suite: Suite, file: string, chunks: AsyncIterable<Buffer>): AsyncIterable<Package>
  /** Which version is newer: below 0 when `a` is older than `b`, 0 when they are the same, above 0 when `a` is newer. */
  compareVersions(a: string, b: string): number
}
