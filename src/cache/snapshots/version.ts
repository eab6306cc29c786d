import type { Wanted } from '../fill/wanted.ts'
import type { IndexFile, Suite, TopIndex } from '../formats/format.ts'
import type { Headers } from '../headers.ts'
import { keyOf, type Origin } from '../origins.ts'

/** One state of a suite as it is held in memory: what its top index says, and what came with that. */
export interface Version {
  /** SHA-256 of the top index's body. */
  readonly id: string
  readonly origin: Origin
  readonly suite: Suite
  /** Path of the top index: `suite.top`, or `suite.parted.top` where there is no such. */
  readonly top: string
  /** What the origin said with the top index; to ask it again whether that is still so. */
  readonly headers: Headers
  readonly madeAtMs: number | undefined
  readonly validUntilMs: number | undefined
  /** What the top index vouches for, by path; empty when it is nothing that the format can read. */
  readonly files: ReadonlyMap<string, IndexFile>
  /** The same by their other paths. */
  readonly aliases: ReadonlyMap<string, IndexFile>
  /** The top index itself and what the origin had beside it at that moment (signatures, `Release`), by path. */
  readonly attached: Map<string, IndexFile>
  /** Its Last-Modified when that is later than those of all versions before it, else a millisecond later than theirs. */
  readonly modifiedMs: number
  validatedAtMs: number
}

/** The index of a version that a path names, by whichever of its names. */
export function fileAt(version: Version, path: string): IndexFile | undefined {
  return version.attached.get(path) ?? version.files.get(path) ?? version.aliases.get(path)
}

/** What a version of an index is kept under. */
export function versionKey(origin: Origin, file: IndexFile): string {
  return `${keyOf(origin, file.path)}#${file.expected.digest}`
}

/**
 * What an index is in every version of its suite: its path without a digest in its name, as RPM's repositories have it
 * (`repodata/0a1b...-primary.xml.zst`).
 */
export function indexNameOf(path: string): string {
  return path.replace(/\/[0-9a-f]{32,128}-([^/]+)$/, '/$1')
}

/** A file known by its SHA-256. */
export function indexFile(path: string, sha256: string, bytes: number | undefined): IndexFile {
  return { path, aliases: [], expected: { algorithm: 'sha256', digest: sha256, bytes } }
}

/** What a top index says, by path and by other names. */
export function tablesOf(top: TopIndex): Pick<Version, 'files' | 'aliases'> {
  const files = new Map<string, IndexFile>()
  const aliases = new Map<string, IndexFile>()
  for (const file of top.files) {
    files.set(file.path, file)
    for (const alias of file.aliases) aliases.set(alias, file)
  }
  return { files, aliases }
}

/** Whether two top indexes vouch for the same contents: `InRelease` and `Release` of one moment. */
export function sameContents(one: ReadonlyMap<string, IndexFile>, other: ReadonlyMap<string, IndexFile>): boolean {
  if (one.size !== other.size) return false
  for (const [path, { expected }] of one) if (other.get(path)?.expected.digest !== expected.digest) return false
  return true
}

/** All paths that are a suite's top index or lie beside it, known by their moment only. */
export function topPaths({ top, signature, parted }: Suite): readonly string[] {
  return [top, signature, parted?.top, parted?.signature].filter((path) => path !== undefined)
}

/** What a version of an index is asked for by. */
export function wantedOf({ origin }: Version, file: IndexFile, path = file.path): Wanted {
  return { origin, path: encodeURI(path), key: versionKey(origin, file), kind: 'package', expected: file.expected }
}
