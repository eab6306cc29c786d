import type { Format, Suite } from './format.ts'
import type { Kind } from './kind.ts'
import { folderOf, nameOf } from './paths.ts'
import { isSums, readSums } from './sums.ts'
import { compareDebian } from './versions.ts'

/** Images of machines: files beside a list of their digests, or named by their digest. The list is the suite's only index. */
export const image: Format = {
  name: 'image',
  kindOf,
  suiteOf,
  readTop: () => ({ files: [], madeAtMs: undefined, validUntilMs: undefined }),
  listsPackages: isSums,
  readPackages: (_suite, file, chunks) => readSums(file, chunks),
  compareVersions: compareDebian,
}

function kindOf(file: string): Kind | undefined {
  if (isSums(file)) return 'index'
  return /^(?:sha(?:256|512)[:-])?(?:[0-9a-f]{64}|[0-9a-f]{128})(?:\.[A-Za-z0-9.]+)?$/.test(nameOf(file))
    ? 'package'
    : undefined
}

function suiteOf(file: string): Suite | undefined {
  if (!isSums(file)) return undefined
  const signature = `${file}.${/CHECKSUM$/i.test(file) ? 'asc' : 'gpg'}`
  return { format: 'image', root: folderOf(file), top: file, signature }
}
