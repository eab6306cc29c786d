import { CausewayError } from '../../base/errors.ts'

/** The fields of one paragraph by their names in lower case; continuation lines follow after a line break each. */
export type Stanza = ReadonlyMap<string, string>

/** No real paragraph comes near; more without an empty line is not what it says it is. */
const longestStanza = 4 * 1024 * 1024

/**
 * Paragraphs that are apart by empty lines, as text.
 * @param chunks UTF-8 in pieces of any size.
 * @throws CausewayError `MalformedOutput` for a paragraph of more than 4 MiB
 */
export async function* paragraphs(chunks: AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const text = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const end = text.lastIndexOf('\n\n')
    if (end < 0) {
      rest = text
    } else {
      // A copy, so that the piece that it is the end of is not held.
      rest = Buffer.from(text.subarray(end + 2))
      yield text.toString('utf8', 0, end).split(/\n\n+/)
    }
    if (rest.length > longestStanza) throw malformed(`a paragraph has more than ${longestStanza} bytes`)
  }
  yield rest.toString('utf8').split(/\n\n+/)
}

/**
 * Reads one paragraph of `Name: value` lines (deb822).
 * @param wanted Names of fields in lower case; others are looked at and left out.
 * @throws CausewayError `MalformedOutput` for other lines, and for a wanted field that is there twice
 */
export function readStanza(paragraph: string, wanted: ReadonlySet<string>): Stanza {
  const fields = new Map<string, string>()
  let current: string | undefined
  let begun = false
  for (const line of paragraph.split('\n')) {
    const first = line.charCodeAt(0)
    if (first === 0x20 || first === 0x09) {
      if (!begun) throw malformed('a paragraph begins with the continuation of a line')
      if (current !== undefined) fields.set(current, `${fields.get(current) ?? ''}\n${line.trim()}`)
      continue
    }
    if (line === '' || line === '\r') continue
    const colon = line.indexOf(':')
    if (colon < 1) throw malformed(`a line is no field: ${JSON.stringify(line.slice(0, 100))}`)
    begun = true
    const name = line.slice(0, colon).toLowerCase()
    current = wanted.has(name) ? name : undefined
    if (current === undefined) continue
    if (fields.has(name)) throw malformed(`a paragraph has two fields ${name}`)
    fields.set(name, line.slice(colon + 1).trim())
  }
  return fields
}

/** What an index says makes no sense. */
export function malformed(message: string): CausewayError {
  return new CausewayError('MalformedOutput', `an index can't be read: ${message}`)
}
