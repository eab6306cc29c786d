import { expectedOf } from './digests.ts'
import type { Package } from './format.ts'
import { lines } from './lines.ts'
import { below, folderOf, nameOf } from './paths.ts'

/** Whether a file lists digests of those beside it: `SHA256SUMS`, `SHA512SUMS`, Fedora's `...-CHECKSUM`. */
export function isSums(file: string): boolean {
  return /^(?:sha(?:1|256|512)sums?(?:\.txt)?|(?:.+-)?CHECKSUM|.+\.sha(?:256|512)(?:sum)?)$/i.test(nameOf(file))
}

/**
 * The files in a list of digests, as `sha256sum` writes it, in lines `<digest>  <name>`, or with `--tag`: `SHA256 (<name>) = <digest>`.
 * What is neither (comments, the armour of a signature) is passed over; a file that lies elsewhere is left out.
 */
export async function* readSums(file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Package> {
  for await (const line of lines(chunks)) {
    const listed = readLine(line)
    const expected =
      listed && expectedOf({ sha256: listed.digest, sha512: listed.digest, sha1: listed.digest }, undefined)
    if (!listed || !expected || /^\/|(?:^|\/)\.\.(?:\/|$)/.test(listed.name)) continue
    const common = { version: '', architecture: '', host: undefined, depends: [], recommends: [], provides: [] }
    yield { ...common, name: listed.name, path: below(folderOf(file), listed.name), expected }
  }
}

function readLine(line: string): { digest: string; name: string } | undefined {
  const [, digest, name] = /^([0-9a-f]{40,128})[ \t]+\*?(\S.*)$/i.exec(line) ?? []
  if (digest !== undefined && name !== undefined) return { digest, name }
  const [, tagged, said] = /^SHA(?:1|256|512) ?\(([^()]+)\) ?= ?([0-9a-f]{40,128})$/i.exec(line) ?? []
  return tagged === undefined || said === undefined ? undefined : { digest: said, name: tagged }
}
