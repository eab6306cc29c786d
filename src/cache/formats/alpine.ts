import type { Format, Package, Suite } from './format.ts'
import type { Kind } from './kind.ts'
import { below, folderOf, nameOf } from './paths.ts'
import { readProvided, readRelations } from './relations.ts'
import { malformed, paragraphs } from './stanzas.ts'
import { tarFiles } from './tar.ts'
import { compareAlpine } from './versions.ts'

/**
 * Repositories of Alpine: one index for each architecture, signed within its archive. https://wiki.alpinelinux.org/wiki/Apk_spec
 *
 * Its checksums are of a part of each package (the control segment), not of the file, so nothing is expected of a file here; apk
 * checks it on the node.
 */
export const alpine: Format = {
  name: 'alpine',
  kindOf,
  suiteOf,
  // The only index: it vouches for no other.
  readTop: () => ({ files: [], madeAtMs: undefined, validUntilMs: undefined }),
  listsPackages: (file) => nameOf(file) === 'APKINDEX.tar.gz',
  readPackages,
  compareVersions: compareAlpine,
}

function kindOf(file: string): Kind | undefined {
  const name = nameOf(file)
  if (name === 'APKINDEX.tar.gz') return 'index'
  return /^[^/]+-\d[^/-]*-r\d+\.apk$/.test(name) ? 'package' : undefined
}

function suiteOf(file: string): Suite | undefined {
  return nameOf(file) === 'APKINDEX.tar.gz' ? { format: 'alpine', root: folderOf(file), top: file } : undefined
}

/** @param chunks The archive: that of the signature and that of the index follow each other. */
async function* readPackages(suite: Suite, _file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Package> {
  let found = false
  for await (const { name, body } of tarFiles(chunks)) {
    if (name !== 'APKINDEX') continue
    if (found) throw malformed('there are two lists in one')
    found = true
    for await (const texts of paragraphs(once(body))) {
      for (const text of texts) if (text.trim() !== '') yield readPackage(suite, text)
    }
  }
  if (!found) throw malformed('there is no list in it')
}

async function* once(body: Buffer): AsyncGenerator<Buffer> {
  yield body
}

function readPackage(suite: Suite, text: string): Package {
  const fields = new Map<string, string>()
  for (const line of text.split('\n')) {
    if (line === '') continue
    if (!/^[A-Za-z]:/.test(line)) throw malformed(`a line is no field: ${JSON.stringify(line.slice(0, 100))}`)
    fields.set(line.charAt(0), line.slice(2))
  }
  const [name, version] = [fields.get('P'), fields.get('V')]
  if (!name || !version) throw malformed('a package has no name or no version')
  const words = (field: string) => (fields.get(field) ?? '').split(' ').filter((word) => word !== '')
  return {
    name,
    version,
    architecture: fields.get('A') ?? '',
    host: undefined,
    path: below(suite.root, `${name}-${version}.apk`),
    expected: undefined,
    depends: readRelations(words('D')),
    recommends: [],
    provides: readProvided(words('p')),
  }
}
