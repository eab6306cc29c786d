import { expectedOf } from './digests.ts'
import type { Alternatives, Format, Package, Suite } from './format.ts'
import { jsonMembers } from './json-members.ts'
import type { Kind } from './kind.ts'
import { memberOf, sizeIn, textIn } from './objects.ts'
import { below, folderOf, nameOf } from './paths.ts'
import { malformed } from './stanzas.ts'
import { compareRpm } from './versions.ts'

/** Channels of Conda: a `repodata.json` for each platform, unsigned. */
export const conda: Format = {
  name: 'conda',
  kindOf,
  suiteOf,
  // The only index: it vouches for no other.
  readTop: () => ({ files: [], madeAtMs: undefined, validUntilMs: undefined }),
  listsPackages: (file) => index.test(file),
  readPackages,
  compareVersions: compareRpm,
}

const platform = '(?:noarch|(?:linux|osx|win|freebsd|zos|emscripten|wasi)-[a-z0-9]+)'
const oldPackage = new RegExp(`/${platform}/[^/]+-[^/-]+-[^/-]+\\.tar\\.bz2$`)
const index = new RegExp(`/${platform}/(?:current_)?repodata\\.json(?:\\.(?:gz|bz2|zst))?$`)

function kindOf(file: string): Kind | undefined {
  const name = nameOf(file)
  if (/^[^/]+-[^/-]+-[^/-]+\.conda$/.test(name)) return 'package'
  if (oldPackage.test(file)) return 'package'
  return index.test(file) ? 'index' : undefined
}

function suiteOf(file: string): Suite | undefined {
  return index.test(file) ? { format: 'conda', root: folderOf(file), top: file } : undefined
}

const lists = new Set(['packages', 'packages.conda'])

async function* readPackages(suite: Suite, _file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Package> {
  for await (const { key, value } of jsonMembers(chunks, lists)) {
    const [name, version] = [textIn(value, 'name'), textIn(value, 'version')]
    if (name === undefined || version === undefined) throw malformed(`a package has no name or version: ${key}`)
    yield {
      name,
      version: `${version}-${textIn(value, 'build') ?? ''}`,
      architecture: textIn(value, 'subdir') ?? '',
      host: undefined,
      path: below(suite.root, key),
      expected: expectedOf({ sha256: textIn(value, 'sha256') }, sizeIn(value, 'size')),
      depends: dependsOf(memberOf(value, 'depends')),
      recommends: [],
      provides: [],
    }
  }
}

/** `python >=3.11,<3.12.0a0`: the name; which build fits is for conda to solve. */
function dependsOf(said: unknown): Alternatives[] {
  if (!Array.isArray(said)) return []
  return said.flatMap((text: unknown) => {
    const name = typeof text === 'string' ? text.split(' ', 1)[0] : undefined
    // Names with two underscores are properties of the machine.
    return name === undefined || name === '' || name.startsWith('__') ? [] : [[{ name, constraint: undefined }]]
  })
}
