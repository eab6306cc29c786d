import { expectedOf } from './digests.ts'
import type { Alternatives, Format, Package, Suite } from './format.ts'
import { jsonMembers } from './json-members.ts'
import { memberOf, textIn } from './objects.ts'
import { linkedFrom } from './paths.ts'
import { malformed } from './stanzas.ts'
import { compareRpm } from './versions.ts'

/**
 * Registries of npm: a document for each package (`/name`, `/@scope/name`) and tarballs. A document can't be told from other
 * files by its name, so it belongs to no suite; what its tarballs must be is learned by whoever knows that it is one.
 */
export const npm: Format = {
  name: 'npm',
  kindOf: (file) => (tarball.test(file) ? 'package' : undefined),
  suiteOf: () => undefined,
  readTop: () => ({ files: [], madeAtMs: undefined, validUntilMs: undefined }),
  listsPackages: (file) => /\/(?:@[a-z0-9._~-]+\/)?[A-Za-z0-9._~-]+$/.test(file) && !tarball.test(file),
  readPackages,
  compareVersions: compareRpm,
}

const tarball = /\/(?:@[^/]+\/)?[^/]+\/-\/[^/]+-\d[^/]*\.tgz$/

async function* readPackages(_suite: Suite, file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Package> {
  for await (const { value } of jsonMembers(chunks, new Set(['versions']))) {
    const [name, version, dist] = [textIn(value, 'name'), textIn(value, 'version'), memberOf(value, 'dist')]
    const link = textIn(dist, 'tarball')
    if (name === undefined || version === undefined || link === undefined) throw malformed('a version has no tarball')
    // Clients replace the registry's host by the one they know it under, so only the path counts.
    const linked = linkedFrom(file, link)
    if (!linked) continue
    yield {
      name,
      version,
      architecture: '',
      host: undefined,
      path: linked.path,
      expected: expectedOf({ sha512: integrityOf(textIn(dist, 'integrity')), sha1: textIn(dist, 'shasum') }, undefined),
      depends: dependsOf(memberOf(value, 'dependencies')),
      recommends: [],
      provides: [],
    }
  }
}

/** The SHA-512 in `sha512-<base64>`, in hexadecimal. https://www.w3.org/TR/SRI/ */
function integrityOf(text: string | undefined): string | undefined {
  const [, base64] = /(?:^|\s)sha512-([A-Za-z0-9+/]{86}==)(?:$|\s|\?)/.exec(text ?? '') ?? []
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('hex')
}

function dependsOf(said: unknown): Alternatives[] {
  if (typeof said !== 'object' || said === null) return []
  return Object.keys(said).map((name) => [{ name, constraint: undefined }])
}
