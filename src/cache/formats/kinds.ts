/**
 * What a file is to a package repository:
 * - `package`: its name says its content (a version, a digest), so it never changes: `/pool/`, `.deb`, `by-hash`.
 * - `index`: changes under its name, and has to fit the other indexes: `/dists/`, `Packages`, `InRelease`, ...
 * - `other`: whatever the origin's own headers say.
 */
export type Kind = 'package' | 'index' | 'other'

const indexName =
  /^(InRelease|Release(\.gpg)?|(Packages|Sources|Contents-[^/]+|Translation-[^/]+|Index)(\.(gz|xz|bz2|lzma|zst|diff))?)$/

/** @param path Path and query of the request. */
export function kindOf(path: string): Kind {
  const [file = ''] = path.split('?', 1)
  const name = file.slice(file.lastIndexOf('/') + 1)
  if (/\/by-hash\/[A-Za-z0-9]+\/[0-9a-f]{32,}$/.test(file)) return 'package'
  if (indexName.test(name)) return 'index'
  if (/^[^_]+_[^_]+_[^_]+\.u?deb$/.test(name)) return 'package'
  if (/\/pool\//.test(file) && /_[^_]+\.(dsc|(diff|(debian\.|orig[^/]*\.)?tar)\.[a-z0-9]+)$/.test(name))
    return 'package'
  return /\/dists\//.test(file) ? 'index' : 'other'
}
