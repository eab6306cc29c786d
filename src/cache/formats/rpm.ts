import { bytesOf, expectedOf } from './digests.ts'
import type { Format, IndexFile, Need, Package, Provided, Suite, TopIndex } from './format.ts'
import type { Kind } from './kind.ts'
import { below, linkedFrom, nameOf } from './paths.ts'
import { malformed } from './stanzas.ts'
import { compareRpm } from './versions.ts'
import { type XmlToken, xmlTokens } from './xml.ts'
import { elements } from './xml-elements.ts'

/** Repositories of RPM, as createrepo_c writes them: `repodata/repomd.xml` names the digests of all other indexes. */
export const rpm: Format = {
  name: 'rpm',
  kindOf,
  suiteOf,
  readTop,
  listsPackages: (file) => /\/repodata\/(?:[0-9a-f]+-)?primary\.xml(?:\.(?:gz|xz|bz2|zst))?$/.test(file),
  readPackages,
  compareVersions: compareRpm,
}

function kindOf(file: string): Kind | undefined {
  const name = nameOf(file)
  if (/^[^/]+-[^/-]+-[^/-]+\.[^/.]+\.d?rpm$/.test(name)) return 'package'
  if (/\/repodata\/[0-9a-f]{40,}-[^/]+$/.test(file)) return 'package'
  if (/\/repodata\/[^/]+$/.test(file) || /^\.?treeinfo$|^(?:metalink|mirrorlist)$/.test(name)) return 'index'
  return undefined
}

function suiteOf(file: string): Suite | undefined {
  const [, root] = /^(.*\/)repodata\/[^/]+$/.exec(file) ?? []
  if (root === undefined) return undefined
  return { format: 'rpm', root, top: `${root}repodata/repomd.xml`, signature: `${root}repodata/repomd.xml.asc` }
}

function readTop(suite: Suite, body: Buffer): TopIndex {
  const files: IndexFile[] = []
  let made = 0
  let revision: number | undefined
  for (const element of childrenOf(body.toString('utf8'), 'repomd', ['revision', 'data'])) {
    if (element.name === 'revision') revision = bytesOf(element.text)
    if (element.name !== 'data') continue
    made = Math.max(made, Number.parseFloat(element.first('timestamp')?.text ?? '0') || 0)
    const href = element.first('location')?.attributes.get('href')
    const checksum = element.first('checksum')
    if (href === undefined || !checksum) throw malformed('repomd.xml names a file without its place or checksum')
    const expected = checksumOf(checksum.attributes.get('type'), checksum.text, bytesOf(element.first('size')?.text))
    if (expected) files.push({ path: below(suite.root, href), aliases: [], expected })
  }
  // createrepo_c's revision is the time in seconds, others count or set a text.
  const seconds = revision !== undefined && revision > 1_000_000_000 ? revision : made
  return { files, madeAtMs: seconds > 0 ? Math.floor(seconds * 1000) : undefined, validUntilMs: undefined }
}

function checksumOf(type: string | undefined, digest: string | undefined, bytes: number | undefined) {
  // "sha" is how the first versions said SHA-1.
  const algorithm = type === 'sha' ? 'sha1' : type
  if (algorithm !== 'sha1' && algorithm !== 'sha256' && algorithm !== 'sha512') return undefined
  return expectedOf({ [algorithm]: digest?.trim() }, bytes)
}

async function* readPackages(suite: Suite, file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Package> {
  for await (const text of elements(chunks, 'metadata', 'package')) yield readPackage(suite, file, text)
}

interface Draft {
  name?: string
  architecture?: string
  version?: string
  location?: { host: string | undefined; path: string }
  checksum?: string
  checksumType?: string | undefined
  bytes?: number | undefined
  provides: Provided[]
  requires: Need[]
  recommends: Need[]
}

function readPackage(suite: Suite, file: string, text: string): Package {
  const draft: Draft = { provides: [], requires: [], recommends: [] }
  let within: 'provides' | 'requires' | 'recommends' | undefined
  let said = ''
  for (const token of xmlTokens(text)) {
    if (token.kind === 'text') said += token.text
    if (token.kind === 'open') {
      said = ''
      const list = /^rpm:(provides|requires|recommends)$/.exec(token.name)?.[1]
      if (list !== undefined) within = list as typeof within
      else if (token.name === 'rpm:entry' && within) addEntry(draft, within, token.attributes)
      else readOpening(draft, suite, file, token)
    }
    if (token.kind === 'close') {
      if (/^rpm:(?:provides|requires|recommends)$/.test(token.name)) within = undefined
      if (token.name === 'name') draft.name = said.trim()
      if (token.name === 'arch') draft.architecture = said.trim()
      if (token.name === 'checksum') draft.checksum = said.trim()
      if (token.name === 'file') draft.provides.push({ name: said.trim(), version: undefined })
    }
  }
  const { name, architecture = '', version, location, checksumType, checksum, bytes } = draft
  if (!name || version === undefined || !location) throw malformed('a package has no name, no version or no place')
  const { provides, recommends: weak } = draft
  return {
    name,
    version,
    architecture,
    ...location,
    expected: checksumOf(checksumType, checksum, bytes),
    depends: draft.requires.map((need) => [need]),
    recommends: weak.map((need) => [need]),
    provides: provides.filter((other) => other.name !== name),
  }
}

function readOpening(
  draft: Draft,
  suite: Suite,
  file: string,
  { name, attributes }: XmlToken & { kind: 'open' },
): void {
  if (name === 'version') draft.version = versionOf(attributes)
  if (name === 'checksum') draft.checksumType = attributes.get('type')
  if (name === 'size') draft.bytes = bytesOf(attributes.get('package'))
  if (name !== 'location') return
  const href = attributes.get('href')
  const base = attributes.get('xml:base')
  if (href === undefined) throw malformed('a package has no place')
  if (base === undefined) draft.location = { host: undefined, path: below(suite.root, href) }
  else {
    const linked = linkedFrom(file, `${base.replace(/\/*$/, '/')}${below('', href)}`)
    if (!linked) throw malformed(`a package lies at no URL: ${JSON.stringify(base.slice(0, 200))}`)
    draft.location = linked
  }
}

const operators: Readonly<Record<string, string>> = { EQ: '=', LT: '<<', LE: '<=', GT: '>>', GE: '>=' }

function addEntry(draft: Draft, list: 'provides' | 'requires' | 'recommends', said: ReadonlyMap<string, string>): void {
  const name = said.get('name')
  if (name === undefined) throw malformed('a relation has no name')
  const operator = operators[said.get('flags') ?? '']
  const version = operator === undefined ? undefined : versionOf(said)
  if (list === 'provides') draft.provides.push({ name, version })
  // What rpm itself can do, and conditions ("(a if b)"), bring no package by name.
  else if (!name.startsWith('rpmlib(') && !name.startsWith('(')) {
    draft[list].push({ name, constraint: version === undefined ? undefined : `${operator} ${version}` })
  }
}

/** `epoch:version-release`, without an epoch of 0. */
function versionOf(said: ReadonlyMap<string, string>): string {
  const [epoch = '0', version = '', release] = [said.get('epoch'), said.get('ver'), said.get('rel')]
  return `${epoch === '0' ? '' : `${epoch}:`}${version}${release === undefined ? '' : `-${release}`}`
}

interface XmlChild {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly text: string
  first(name: string): { attributes: ReadonlyMap<string, string>; text: string } | undefined
}

/** The elements in a document's root that have certain names, each with the elements in it. */
function childrenOf(text: string, root: string, names: readonly string[]): XmlChild[] {
  const children: XmlChild[] = []
  let depth = 0
  let current: { name: string; attributes: ReadonlyMap<string, string>; text: string } | undefined
  let parts: { name: string; attributes: ReadonlyMap<string, string>; text: string }[] = []
  let seen = false
  for (const token of xmlTokens(text)) {
    if (token.kind === 'open') {
      depth += 1
      if (depth === 1) {
        if (token.name !== root || seen) throw malformed(`it is no ${root}`)
        seen = true
      }
      if (depth === 2) {
        current = { name: token.name, attributes: token.attributes, text: '' }
        parts = []
      }
      if (depth === 3) parts.push({ name: token.name, attributes: token.attributes, text: '' })
    } else if (token.kind === 'text') {
      const part = depth === 2 ? current : depth === 3 ? parts.at(-1) : undefined
      if (part) part.text += token.text
    } else {
      if (depth === 2 && current && names.includes(current.name)) {
        const kept = parts
        children.push({ ...current, first: (name) => kept.find((part) => part.name === name) })
      }
      depth -= 1
    }
  }
  if (!seen) throw malformed(`it is no ${root}`)
  return children
}
