import type { Package } from '../formats/format.ts'

/** What is wanted of a repository. */
export interface Wish {
  /** Packages by name. */
  readonly names: readonly string[]
  /** Names of packages that are there already: neither they nor what they need is listed. */
  readonly installed: readonly string[]
  /** Whether Recommends count as dependencies. */
  readonly recommends: boolean
  /** The format's own, see `Format.compareVersions`. */
  readonly compareVersions: (a: string, b: string) => number
}

/** What has to be fetched for a wish. */
export interface Resolved {
  /** Each once, in the order in which they were found to be needed: what was wished for in front. */
  readonly packages: readonly Package[]
  /** What nothing satisfies, and the name of the package that needs it (undefined: it was wished for). */
  readonly missing: readonly { readonly name: string; readonly neededBy: string | undefined }[]
}

/**
 * The packages that installing some would bring: what they depend on, and what that depends on.
 * @param named The packages that have a name or provide it, see `Catalogue.named`.
 */
export function resolve(_wish: Wish, _named: (name: string) => readonly Package[]): Resolved {
  throw new Error('not built yet')
}
