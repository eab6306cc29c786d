/**
 * What a file is to a package repository:
 * - `package`: its name says its content (a version, a digest), so it never changes: `/pool/`, `.deb`, `by-hash`.
 * - `index`: changes under its name, and has to fit the other indexes: `/dists/`, `Packages`, `repomd.xml`, ...
 * - `other`: whatever the origin's own headers say.
 */
export type Kind = 'package' | 'index' | 'other'
