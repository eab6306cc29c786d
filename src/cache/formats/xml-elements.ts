import { malformed } from './stanzas.ts'

const longestElement = 8 * 1024 * 1024

/**
 * The elements of one name in a long XML document, as text, without reading what is around them. Sound only for names that are
 * not nested in themselves and documents without CDATA sections; what an element holds must be read strictly.
 * @param chunks UTF-8 in pieces of any size.
 * @throws CausewayError `MalformedOutput` when one has more than 8 MiB, or the document ends before the element
 *   that is around them ends
 */
export async function* elements(chunks: AsyncIterable<Buffer>, around: string, name: string): AsyncGenerator<string> {
  const [begin, end] = [new RegExp(`<${name}[\\s>]`), `</${name}>`]
  let rest: Buffer = Buffer.alloc(0)
  let seen = false
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const last = bytes.lastIndexOf(end)
    if (last < 0) {
      rest = bytes
      if (rest.length > longestElement) throw malformed(`<${name}> has more than ${longestElement} bytes`)
      continue
    }
    rest = Buffer.from(bytes.subarray(last + end.length))
    for (const part of bytes.toString('utf8', 0, last).split(end)) {
      const from = part.search(begin)
      const before = from < 0 ? part : part.slice(0, from)
      if (!seen) seen = hasRoot(before, around)
      else if (before.trim() !== '') throw malformed(`there is something else between two <${name}>`)
      if (from < 0 || !seen) throw malformed(`</${name}> without its beginning`)
      yield part.slice(from) + end
    }
  }
  const remains = rest.toString('utf8').trim()
  const empty = !seen && hasRoot(remains, around) && new RegExp(`(?:/|>\\s*</${around})>$`).test(remains)
  if (remains !== `</${around}>` && !empty) throw malformed(`<${around}> does not end`)
}

function hasRoot(text: string, around: string): boolean {
  if (/<!(?!--)/.test(text)) throw malformed('the XML has a document type')
  return new RegExp(`<${around}[\\s>]`).test(text)
}
