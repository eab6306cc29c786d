import { isClearsigned, signedText } from './clearsigned.ts'
import { bytesOf, expectedOf, isDigest } from './digests.ts'
import type { Alternatives, Format, IndexFile, Package, Provided, Suite, TopIndex } from './format.ts'
import type { Kind } from './kind.ts'
import { below, folderOf, nameOf } from './paths.ts'
import { malformed, paragraphs, readStanza, type Stanza } from './stanzas.ts'
import { isSums, readSums } from './sums.ts'
import { compareDebian } from './versions.ts'

/** Debian's archives: https://wiki.debian.org/DebianRepository/Format */
export const debian: Format = {
  name: 'debian',
  kindOf,
  suiteOf,
  readTop,
  listsPackages: (file) => /^(Packages|Sources)(\.[a-z0-9]+)?$/.test(nameOf(file)) || isInstallerSums(file),
  readPackages: (suite, file, chunks) =>
    isInstallerSums(file) ? readSums(file, chunks) : readPackages(suite, nameOf(file).startsWith('Sources'), chunks),
  compareVersions: compareDebian,
}

const packed = '(?:\\.(?:gz|xz|bz2|lzma|zst))?'
const topName = /^(InRelease|Release(\.gpg)?)$/
const indexName = new RegExp(
  `^(?:Packages|Sources|Contents-[^/]+|Translation-[^/]+|Components-[^/]+|Commands-[^/]+)${packed}$`,
)

function kindOf(file: string): Kind | undefined {
  const name = nameOf(file)
  if (/\/by-hash\/[A-Za-z0-9]+\/[0-9a-f]{32,}$/.test(file)) return 'package'
  if (topName.test(name) || indexName.test(name)) return 'index'
  // The pieces of a pdiff are named by the moment that they lead from.
  if (/\.diff\/T-[\dA-Za-z.-]+\.gz$/.test(file)) return 'package'
  if (/^[^_]+_[^_]+_[^_]+\.(?:u?deb|ddeb)$/.test(name)) return 'package'
  if (/\/pool\//.test(file) && /_[^_]+\.(?:dsc|(?:diff|(?:debian\.|orig[^/]*\.)?tar)\.[a-z0-9]+)$/.test(name))
    return 'package'
  return /\/dists\//.test(file) ? 'index' : undefined
}

function isInstallerSums(file: string): boolean {
  return /\/installer-[^/]+\/.*\/images\/[^/]+$/.test(file) && isSums(file)
}

/** What comes after a component in a suite's folder: `binary-amd64/`, `source/`, `i18n/`, ... */
const inComponent =
  /^(?:(?:(?:debian-installer\/)?binary-[^/]+|source|i18n|dep11|cnf|installer-[^/]+|by-hash)\/.|Contents-[^/]+$)/

function suiteOf(file: string): Suite | undefined {
  const dists = file.indexOf('/dists/')
  if (dists < 0) return flatSuiteOf(file)
  const root = file.slice(0, dists + 1)
  const segments = file.slice(dists + '/dists/'.length).split('/')
  const name = segments.at(-1) ?? ''
  let length = topName.test(name) ? segments.length - 1 : -1
  for (let at = 1; at < segments.length && (length < 0 || at < length); at += 1) {
    if (!inComponent.test(segments.slice(at).join('/'))) continue
    // The segment in front is the component, unless there would be no suite left.
    length = at > 1 ? at - 1 : at
  }
  if (length < 1) return undefined
  return suiteAt('debian', root, `${root}dists/${segments.slice(0, length).join('/')}/`)
}

/** A repository without suites has all in one folder: `deb http://host/folder ./`. */
function flatSuiteOf(file: string): Suite | undefined {
  const name = nameOf(file)
  const [, before] = /^(.*\/)by-hash\/[A-Za-z0-9]+\/[0-9a-f]+$/.exec(file) ?? []
  if (before !== undefined) return suiteAt('debian', before, before)
  if (!topName.test(name) && !indexName.test(name)) return undefined
  return suiteAt('debian', folderOf(file), folderOf(file))
}

function suiteAt(format: string, root: string, folder: string): Suite {
  const parted = { top: `${folder}Release`, signature: `${folder}Release.gpg` }
  return { format, root, top: `${folder}InRelease`, parted }
}

const topFields = new Set(['date', 'valid-until', 'acquire-by-hash', 'sha1', 'sha256', 'sha512'])

/** `InRelease` or `Release`. */
function readTop(suite: Suite, body: Buffer): TopIndex {
  const said = body.toString('utf8')
  const fields = readStanza((isClearsigned(said) ? signedText(said) : said).trimEnd(), topFields)
  const byHash = fields.get('acquire-by-hash')?.toLowerCase() === 'yes'
  const folder = folderOf(suite.top)
  const files = new Map<string, { bytes: number | undefined; sha1?: string; sha256?: string; sha512?: string }>()
  for (const algorithm of ['sha256', 'sha512', 'sha1'] as const) {
    for (const line of (fields.get(algorithm) ?? '').split('\n')) {
      if (line === '') continue
      const [digest = '', size, name = '', more] = line.split(/[ \t]+/)
      const bytes = bytesOf(size)
      if (!isDigest(algorithm, digest) || bytes === undefined || more !== undefined) {
        throw malformed(`a line of ${algorithm} is wrong: ${JSON.stringify(line.slice(0, 200))}`)
      }
      const path = below(folder, name)
      const known = files.get(path) ?? { bytes }
      if (known[algorithm] !== undefined && known[algorithm] !== digest) throw malformed(`${name} is listed twice`)
      if (known.bytes !== bytes) throw malformed(`${name} has two lengths`)
      files.set(path, { ...known, [algorithm]: digest })
    }
  }
  const listed: IndexFile[] = []
  for (const [path, digests] of files) {
    const expected = expectedOf(digests, digests.bytes)
    if (!expected) continue
    const aliases = byHash
      ? (['sha512', 'sha256', 'sha1'] as const)
          .filter((algorithm) => digests[algorithm] !== undefined)
          .map((algorithm) => `${folderOf(path)}by-hash/${algorithm.toUpperCase()}/${digests[algorithm]}`)
      : []
    listed.push({ path, aliases, expected })
  }
  return { files: listed, madeAtMs: dateOf(fields.get('date')), validUntilMs: dateOf(fields.get('valid-until')) }
}

function dateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw malformed(`${JSON.stringify(text.slice(0, 100))} is no date`)
  return ms
}

const packageFields = new Set([
  'package',
  'version',
  'architecture',
  'filename',
  'size',
  'sha1',
  'sha256',
  'sha512',
  'depends',
  'pre-depends',
  'recommends',
  'provides',
  'directory',
  'checksums-sha1',
  'checksums-sha256',
  'checksums-sha512',
])

async function* readPackages(suite: Suite, sources: boolean, chunks: AsyncIterable<Buffer>): AsyncGenerator<Package> {
  for await (const texts of paragraphs(chunks)) {
    for (const text of texts) {
      if (text.trim() === '') continue
      const fields = readStanza(text, packageFields)
      if (sources) yield* sourceFiles(suite, fields)
      else yield binary(suite, fields)
    }
  }
}

function binary(suite: Suite, fields: Stanza): Package {
  const name = fields.get('package')
  const filename = fields.get('filename')
  if (name === undefined || filename === undefined) throw malformed('a package has no name or no file')
  const digests = { sha256: fields.get('sha256'), sha512: fields.get('sha512'), sha1: fields.get('sha1') }
  return {
    name,
    version: fields.get('version') ?? '',
    architecture: fields.get('architecture') ?? '',
    host: undefined,
    path: below(suite.root, filename),
    expected: expectedOf(digests, bytesOf(fields.get('size'))),
    depends: [...relations(fields.get('pre-depends')), ...relations(fields.get('depends'))],
    recommends: relations(fields.get('recommends')),
    provides: relations(fields.get('provides')).flatMap((alternatives) => alternatives.map(provided)),
  }
}

/** The files of a source package, as packages without relations under a name that no binary has: `src:hello`. */
function* sourceFiles(suite: Suite, fields: Stanza): Generator<Package> {
  const name = fields.get('package')
  const folder = fields.get('directory')
  if (name === undefined || folder === undefined) throw malformed('a source package has no name or no folder')
  const algorithm = (['sha256', 'sha512', 'sha1'] as const).find((kind) => fields.has(`checksums-${kind}`))
  if (algorithm === undefined) return
  const common = { version: fields.get('version') ?? '', architecture: 'source', host: undefined }
  for (const line of (fields.get(`checksums-${algorithm}`) ?? '').split('\n')) {
    if (line === '') continue
    const [digest, size, file = ''] = line.split(/[ \t]+/)
    const path = below(suite.root, `${folder}/${file}`)
    const expected = expectedOf({ [algorithm]: digest }, bytesOf(size))
    yield { ...common, name: `src:${name}`, path, expected, depends: [], recommends: [], provides: [] }
  }
}

/** `libc6 (>= 2.34), mawk | awk:any`. Debian policy, section 7.1. */
function relations(text: string | undefined): readonly Alternatives[] {
  if (text === undefined || text === '') return []
  const all: Alternatives[] = []
  for (const relation of text.split(',')) {
    if (relation.trim() === '') continue
    all.push(relation.split('|').map(need))
  }
  return all
}

function need(text: string) {
  const [, name, operator, version] =
    /^\s*([A-Za-z0-9][A-Za-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s()]+)\s*\))?\s*$/.exec(
      text,
    ) ?? []
  if (name === undefined) throw malformed(`a relation is wrong: ${JSON.stringify(text.slice(0, 200))}`)
  if (operator === undefined || version === undefined) return { name, constraint: undefined }
  // Old spellings of "or the same", see deb-version(7).
  const plain = operator === '<' ? '<=' : operator === '>' ? '>=' : operator
  return { name, constraint: `${plain} ${version}` }
}

function provided({ name, constraint }: { name: string; constraint: string | undefined }): Provided {
  return { name, version: constraint?.startsWith('= ') ? constraint.slice(2) : undefined }
}
