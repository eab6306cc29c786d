import { malformed } from './stanzas.ts'

const longestMember = 16 * 1024 * 1024

/**
 * The members of some objects and arrays in the root of a long JSON document, each parsed alone, so that the document is never in
 * memory as a whole: `{"files": [A, B], "versions": {"1.0": C}}` gives A, B and C.
 * @param chunks UTF-8 in pieces of any size.
 * @param names Which members of the root to look into.
 * @throws CausewayError `MalformedOutput` when it is no JSON object, is cut, or a member has more than 16 MiB
 */
export async function* jsonMembers(
  chunks: AsyncIterable<Buffer>,
  names: ReadonlySet<string>,
): AsyncGenerator<{ in: string; key: string; value: unknown }> {
  const scanner = new Scanner(names)
  for await (const chunk of chunks) yield* scanner.scan(chunk)
  scanner.end()
}

/** Follows the nesting byte by byte: all that matters is ASCII, which is nowhere part of another character in UTF-8. */
class Scanner {
  readonly #names: ReadonlySet<string>
  #depth = 0
  #inString = false
  #escaped = false
  #over = false
  /** The names of the members that are being read, of the root and of what is looked into. */
  #rootKey: string | undefined
  #key: string | undefined
  /** Pieces of the string or the value that is being taken. */
  #taken: Buffer[] = []
  #takenBytes = 0
  #taking: 'key' | 'value' | undefined
  /** Whether what is looked into is an array. */
  #inArray = false

  constructor(names: ReadonlySet<string>) {
    this.#names = names
  }

  *scan(chunk: Buffer): Generator<{ in: string; key: string; value: unknown }> {
    let from = 0
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] as number
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false
        else if (byte === 0x5c) this.#escaped = true
        else if (byte === 0x22) {
          this.#inString = false
          if (this.#taking === 'key') {
            this.#take(chunk.subarray(from, at + 1))
            const key = String(this.#parse())
            if (this.#depth === 1) this.#rootKey = key
            else this.#key = key
          }
        }
        continue
      }
      // Space, tab, line ends, colon: nothing to do.
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09 || byte === 0x3a) continue
      if (this.#over) throw malformed('there is something after the end of the JSON')
      if (this.#depth === 0 && byte !== 0x7b) throw malformed('it is no JSON object')
      const opens = byte === 0x7b || byte === 0x5b
      const closes = byte === 0x7d || byte === 0x5d
      if (this.#taking === 'value' && this.#depth === 2 && (closes || byte === 0x2c)) {
        this.#take(chunk.subarray(from, at))
        const value = this.#parse()
        yield { in: this.#rootKey ?? '', key: this.#key ?? '', value }
      }
      if (byte === 0x22) {
        this.#inString = true
        if (this.#taking === undefined && this.#isKey()) {
          this.#taking = 'key'
          from = at
          continue
        }
      }
      if (!opens && !closes && byte !== 0x2c && this.#startsValue()) {
        this.#taking = 'value'
        from = at
      }
      if (opens) {
        if (this.#startsValue()) {
          this.#taking = 'value'
          from = at
        }
        this.#depth += 1
        if (this.#depth > 200) throw malformed('the JSON is nested too deeply')
        if (this.#depth === 2) this.#inArray = byte === 0x5b
        if (this.#depth <= 2) this.#key = undefined
      }
      if (closes) {
        this.#depth -= 1
        if (this.#depth === 0) this.#over = true
      }
      if (byte === 0x2c && this.#depth === 2) this.#key = undefined
      if (byte === 0x2c && this.#depth === 1) this.#rootKey = undefined
    }
    if (this.#taking !== undefined) this.#take(Buffer.from(chunk.subarray(from)))
  }

  /** A string is the name of a member where none has been read yet: of the root, or of an object that is looked into. */
  #isKey(): boolean {
    if (this.#depth === 1) return this.#rootKey === undefined
    return this.#depth === 2 && this.#wanted && !this.#inArray && this.#key === undefined
  }

  #startsValue(): boolean {
    return this.#taking === undefined && this.#depth === 2 && this.#wanted && (this.#inArray || this.#key !== undefined)
  }

  get #wanted(): boolean {
    return this.#rootKey !== undefined && this.#names.has(this.#rootKey)
  }

  #take(piece: Buffer): void {
    this.#taken.push(piece)
    this.#takenBytes += piece.length
    if (this.#takenBytes > longestMember) throw malformed(`a member of the JSON has more than ${longestMember} bytes`)
  }

  #parse(): unknown {
    const text = Buffer.concat(this.#taken).toString('utf8')
    this.#taken = []
    this.#takenBytes = 0
    this.#taking = undefined
    try {
      return JSON.parse(text) as unknown
    } catch {
      throw malformed('it is no JSON')
    }
  }

  end(): void {
    if (!this.#over) throw malformed('the JSON is cut')
  }
}
