import { expectedOf } from './digests.ts'
import type { Format, Package, Suite } from './format.ts'
import { jsonMembers } from './json-members.ts'
import type { Kind } from './kind.ts'
import { memberOf, sizeIn, textIn } from './objects.ts'
import { linkedFrom, nameOf } from './paths.ts'
import { malformed } from './stanzas.ts'
import { compareRpm } from './versions.ts'
import { decodeXml } from './xml.ts'

/**
 * Python's index: a page for each project with links to its files, HTML (PEP 503) or JSON (PEP 691), whichever the origin gives.
 * Each page is a suite of its own. pip resolves dependencies from the files themselves, so no relations are known here.
 */
export const pypi: Format = {
  name: 'pypi',
  kindOf,
  suiteOf,
  readTop: () => ({ files: [], madeAtMs: undefined, validUntilMs: undefined }),
  listsPackages: (file) => page.test(file),
  readPackages,
  compareVersions: compareRpm,
}

const page = /^(.*\/simple\/([A-Za-z0-9][A-Za-z0-9._-]*)\/)(?:index\.(?:html|json))?$/

function kindOf(file: string): Kind | undefined {
  if (/^(?:.*\/)?simple\/(?:[A-Za-z0-9][A-Za-z0-9._-]*\/)?(?:index\.(?:html|json))?$/.test(file)) return 'index'
  const name = nameOf(file)
  // A wheel's name has its build in it; others only where the folders are the file's digest, as at files.pythonhosted.org.
  if (/^[^-/]+-[^-/]+(?:-\d[^-/]*)?-[^-/]+-[^-/]+-[^-/]+\.whl(?:\.metadata)?$/.test(name)) return 'package'
  return /\/packages\/[0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{60}\/[^/]+$/.test(file) ? 'package' : undefined
}

function suiteOf(file: string): Suite | undefined {
  const [, root] = page.exec(file) ?? []
  return root === undefined ? undefined : { format: 'pypi', root, top: file }
}

async function* readPackages(_suite: Suite, file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Package> {
  const pieces = chunks[Symbol.asyncIterator]()
  const first = await pieces.next()
  if (first.done === true) throw malformed('the page is empty')
  const all = again(first.value, pieces)
  if (/^\uFEFF?\s*\{/.test(first.value.toString('utf8', 0, 100))) yield* readJson(file, all)
  else yield* readHtml(file, all)
}

async function* again(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

async function* readJson(file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Package> {
  for await (const { value } of jsonMembers(chunks, new Set(['files']))) {
    const hashes = memberOf(value, 'hashes')
    const digests = { sha256: textIn(hashes, 'sha256'), sha512: textIn(hashes, 'sha512'), sha1: textIn(hashes, 'sha1') }
    const link = textIn(value, 'url')
    const listed = link !== undefined && described(file, link, expectedOf(digests, sizeIn(value, 'size')))
    if (listed) yield listed
  }
}

/** A page has links and little else: a link's own text is of no use, so only the tags are looked at. */
async function* readHtml(file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Package> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of chunks) {
    const text = rest + decoder.decode(chunk, { stream: true })
    const end = text.lastIndexOf('>') + 1
    rest = text.slice(end)
    if (rest.length > 1024 * 1024) throw malformed('a tag of the page does not end')
    for (const [, double, single] of text
      .slice(0, end)
      .matchAll(/<a\s[^<>]*?href\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)')/gi)) {
      const link = decodeXml(double ?? single ?? '')
      const hash = link.indexOf('#')
      const [, algorithm, digest] = /#(?:.*&)?(sha256|sha512|sha1)=([0-9a-fA-F]+)/.exec(link) ?? []
      const expected = algorithm === undefined ? undefined : expectedOf({ [algorithm]: digest }, undefined)
      const listed = described(file, hash < 0 ? link : link.slice(0, hash), expected)
      if (listed) yield listed
    }
  }
}

function described(file: string, link: string, expected: Package['expected']): Package | undefined {
  const linked = linkedFrom(file, link)
  if (!linked || linked.path.endsWith('/')) return undefined
  const [, version = ''] = /^[^-]+-([^-]+?)(?:-.*|\.tar\.[a-z0-9]+|\.zip)$/.exec(nameOf(linked.path)) ?? []
  const name = page.exec(file)?.[2]?.toLowerCase() ?? ''
  return { name, version, architecture: '', ...linked, expected, depends: [], recommends: [], provides: [] }
}
