import { bytesOf, expectedOf } from './digests.ts'
import type { Format, Package, Suite } from './format.ts'
import type { Kind } from './kind.ts'
import { below, folderOf, nameOf } from './paths.ts'
import { readProvided, readRelations } from './relations.ts'
import { malformed } from './stanzas.ts'
import { tarFiles } from './tar.ts'
import { compareRpm } from './versions.ts'

/** Repositories of Arch, as repo-add writes them: an archive `core.db` with a file `desc` for each package. */
export const arch: Format = {
  name: 'arch',
  kindOf,
  suiteOf,
  // The only index: it vouches for no other.
  readTop: () => ({ files: [], madeAtMs: undefined, validUntilMs: undefined }),
  listsPackages: (file) => database.test(nameOf(file)),
  readPackages,
  // pacman's order is that of rpm's first versions.
  compareVersions: compareRpm,
}

const database = /^[^/]+\.(?:db|files)(?:\.tar(?:\.(?:gz|xz|bz2|zst))?)?$/

function kindOf(file: string): Kind | undefined {
  const name = nameOf(file)
  if (/^[^/]+-[^/-]+-[^/-]+-[^/-]+\.pkg\.tar(?:\.(?:gz|xz|bz2|zst|lz4))?(?:\.sig)?$/.test(name)) return 'package'
  return database.test(name.replace(/\.sig$/, '')) && isArchFolder(file) ? 'index' : undefined
}

/** `.db` says little, so where it lies has to fit: `core/os/x86_64/core.db`, or a database packed as repo-add does. */
function isArchFolder(file: string): boolean {
  return /\/os\/[^/]+\/[^/]+$/.test(file) || /\.(?:db|files)\.tar\.[a-z0-9]+(?:\.sig)?$/.test(file)
}

function suiteOf(file: string): Suite | undefined {
  if (kindOf(file) !== 'index') return undefined
  const top = file.replace(/\.sig$/, '')
  return { format: 'arch', root: folderOf(file), top, signature: `${top}.sig` }
}

async function* readPackages(suite: Suite, _file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Package> {
  for await (const { body } of tarFiles(chunks)) {
    // By its beginning, not by its name: that may be in a head of its own where it is long.
    if (body.toString('latin1', 0, 10) === '%FILENAME%') yield readDescription(suite, body.toString('utf8'))
  }
}

function readDescription(suite: Suite, text: string): Package {
  const fields = new Map<string, readonly string[]>()
  for (const paragraph of text.split(/\n\n+/)) {
    const [head = '', ...values] = paragraph.split('\n').filter((line) => line !== '')
    const [, name] = /^%([A-Z0-9]+)%$/.exec(head) ?? []
    if (name !== undefined) fields.set(name, values)
    else if (head !== '') throw malformed(`a description has ${JSON.stringify(head.slice(0, 100))} for a field`)
  }
  const one = (field: string) => fields.get(field)?.[0]
  const [name, version, file] = [one('NAME'), one('VERSION'), one('FILENAME')]
  if (!name || !version || !file) throw malformed('a package has no name, no version or no file')
  return {
    name,
    version,
    architecture: one('ARCH') ?? '',
    host: undefined,
    path: below(suite.root, file),
    expected: expectedOf({ sha256: one('SHA256SUM') }, bytesOf(one('CSIZE'))),
    depends: readRelations(fields.get('DEPENDS') ?? []),
    recommends: [],
    provides: readProvided(fields.get('PROVIDES') ?? []),
  }
}
