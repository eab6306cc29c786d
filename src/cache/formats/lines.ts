import { malformed } from './stanzas.ts'

const longestLine = 1024 * 1024

/**
 * The lines of a text, without their ends.
 * @throws CausewayError `MalformedOutput` for one of more than 1 MiB
 */
export async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const text = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const end = text.lastIndexOf(0x0a)
    rest = Buffer.from(text.subarray(end + 1))
    if (rest.length > longestLine) throw malformed(`a line has more than ${longestLine} bytes`)
    if (end >= 0) yield* text.toString('utf8', 0, end).split(/\r?\n/)
  }
  if (rest.length > 0) yield rest.toString('utf8').replace(/\r$/, '')
}
