import { malformed } from './stanzas.ts'

const begin = '-----BEGIN PGP SIGNED MESSAGE-----'
const signature = '-----BEGIN PGP SIGNATURE-----'
const end = '-----END PGP SIGNATURE-----'

/** Whether a text claims to be signed within itself. */
export function isClearsigned(text: string): boolean {
  return text.includes(begin)
}

/**
 * The text of a clear-signed message (RFC 9580, section 7), which must be all that there is: one message, nothing in front, nothing
 * behind, so that whoever checks the signature and whoever reads the text mean the same. It checks no signature.
 * @throws CausewayError `MalformedOutput`
 */
export function signedText(text: string): string {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
  const only = (marker: string) => {
    const at = lines.indexOf(marker)
    if (at < 0 || at !== lines.lastIndexOf(marker)) throw malformed(`not exactly one line ${marker}`)
    return at
  }
  const armor = lines.filter((line) => line.startsWith('-----')).length
  const [from, until, last] = [only(begin), only(signature), only(end)]
  if (armor !== 3 || from !== 0 || until < from || last < until) throw malformed('signed parts are not in order')
  if (lines.slice(last + 1).some((line) => line.trim() !== '')) throw malformed('there is text after the signature')
  const blank = lines.indexOf('', from)
  if (blank < 0 || blank > until) throw malformed('the signed text has no beginning')
  if (lines.slice(from + 1, blank).some((line) => !/^Hash: [A-Za-z0-9, -]+$/.test(line))) {
    throw malformed('there is text before the signed one')
  }
  return lines
    .slice(blank + 1, until)
    .map((line) => (line.startsWith('- ') ? line.slice(2) : line))
    .join('\n')
}
