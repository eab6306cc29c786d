import { malformed } from './stanzas.ts'

const block = 512
const longestEntry = 64 * 1024 * 1024

/**
 * The regular files of a tar archive (POSIX ustar, pax and GNU's), each whole.
 * @throws CausewayError `MalformedOutput` when it is none, is cut, or has a file of more than 64 MiB
 */
export async function* tarFiles(chunks: AsyncIterable<Buffer>): AsyncGenerator<{ name: string; body: Buffer }> {
  const reader = new Reader(chunks)
  for (let head = await reader.take(block); head; head = await reader.take(block)) {
    // Two blocks of zeros end an archive; several archives may follow each other.
    if (head.every((byte) => byte === 0)) continue
    const bytes = sizeIn(head)
    if (bytes > longestEntry) throw malformed(`an archive has a file of ${bytes} bytes`)
    const padded = Math.ceil(bytes / block) * block
    const content = padded === 0 ? Buffer.alloc(0) : await reader.take(padded)
    if (!content) throw malformed('an archive is cut')
    const kind = head[156]
    if (kind === 0x30 || kind === 0) yield { name: text(head, 0, 100), body: content.subarray(0, bytes) }
  }
}

function sizeIn(head: Buffer): number {
  let sum = 0
  for (let at = 0; at < block; at += 1) sum += at >= 148 && at < 156 ? 0x20 : (head[at] as number)
  if (Number.parseInt(text(head, 148, 8), 8) !== sum) throw malformed('an archive has a wrong head')
  const size = text(head, 124, 12).trim()
  if (!/^[0-7]+$/.test(size)) throw malformed('an archive has a file without a size')
  return Number.parseInt(size, 8)
}

function text(head: Buffer, from: number, length: number): string {
  const field = head.subarray(from, from + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? length : end)
}

/** Takes pieces of a wanted length out of pieces of any length. */
class Reader {
  readonly #chunks: AsyncIterator<Buffer>
  #parts: Buffer[] = []
  #length = 0

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Undefined at the end; what is left is shorter than that when the end is not where it should be. */
  async take(length: number): Promise<Buffer | undefined> {
    while (this.#length < length) {
      const next = await this.#chunks.next()
      if (next.done === true) {
        if (this.#length > 0) throw malformed('an archive is cut')
        return undefined
      }
      this.#parts.push(next.value)
      this.#length += next.value.length
    }
    const whole = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts)
    this.#parts = [whole.subarray(length)]
    this.#length -= length
    return whole.subarray(0, length)
  }
}
