import { nameOf, plainPath } from './paths.ts'
import { malformed } from './stanzas.ts'
import { xmlTokens } from './xml.ts'

/** A top index of a repository of RPM as a metalink vouches for it. */
export interface VouchedTop {
  readonly host: string
  /** Plain, from the origin's root. */
  readonly path: string
  readonly sha256: string
}

/**
 * Whether a request is for a metalink: a list of mirrors, with the digest of the `repomd.xml` that they must have.
 * @param path As it was asked for, with or without a query (`/metalink?repo=epel-9&arch=x86_64`).
 */
export function isMetalink(path: string): boolean {
  return nameOf(plainPath(path) ?? '') === 'metalink'
}

/**
 * What a metalink (version 3, as MirrorManager writes it for dnf) says of `repomd.xml`: where it is, and its digest. Of the
 * older ones that it lets pass as well (`mm0:alternates`) nothing is said.
 * @throws CausewayError `MalformedOutput`
 */
export function readMetalink(body: Buffer): readonly VouchedTop[] {
  const urls: string[] = []
  let sha256: string | undefined
  let said = ''
  let inFile = false
  let ofAlternate = false
  let hashType: string | undefined
  for (const token of xmlTokens(body.toString('utf8'))) {
    if (token.kind === 'text') said += token.text
    if (token.kind === 'open') {
      said = ''
      if (token.name === 'file') inFile = token.attributes.get('name') === 'repomd.xml'
      if (token.name === 'mm0:alternates') ofAlternate = true
      if (token.name === 'hash') hashType = token.attributes.get('type')
    }
    if (token.kind === 'close') {
      if (token.name === 'file') inFile = false
      if (token.name === 'mm0:alternates') ofAlternate = false
      if (token.name === 'hash' && inFile && !ofAlternate && hashType === 'sha256') sha256 = said.trim().toLowerCase()
      if (token.name === 'url' && inFile) urls.push(said.trim())
    }
  }
  if (sha256 === undefined) return []
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw malformed('the digest in the metalink is none')
  const digest = sha256
  return urls.flatMap((text) => {
    const url = URL.parse(text)
    const path = url && /^https?:$/.test(url.protocol) ? plainPath(url.pathname) : undefined
    return url && path !== undefined ? [{ host: url.hostname, path, sha256: digest }] : []
  })
}
