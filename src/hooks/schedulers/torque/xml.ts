import { CausewayError } from '../../../base/errors.ts'

/** The fields of one job or node by name; what is nested has its parent's name and a dot in front: `Resource_List.nodes`. */
export type Fields = ReadonlyMap<string, string>

/** A name as Torque's programs write them. */
const namePattern = /[A-Za-z_][A-Za-z0-9_.-]*/y
const prologPattern = /^(?:<\?xml [^<>]*\?>)?\s*<Data>\s*/

/**
 * The records in what `qstat -x` or `pbsnodes -x` printed: `<Data>`, and in it a flat `<Job>` or `<Node>` for each. Anything else
 * is refused: a document that was cut, has something in front, or is not XML.
 *
 * This is not a parser for XML, but for the part of it that Torque's programs write: no attributes, comments or sections, two
 * levels in a record. A general one takes three times as long as there is (docs/torque.md has the figures).
 * @param wanted the fields to keep; the rest is looked at and left out
 * @throws CausewayError `MalformedOutput`
 */
export function* readRecords(text: string, tag: 'Job' | 'Node', wanted: ReadonlySet<string>): Generator<Fields> {
  const prolog = prologPattern.exec(text)
  if (!prolog) throw malformed(`the list of ${tag}s`, 'does not begin with <Data>')
  const scanner = new Scanner(text, prolog[0].length)
  while (!scanner.tryClose('Data')) {
    if (scanner.open() !== tag) throw malformed(`the list of ${tag}s`, `has something else in it ${scanner.place}`)
    const fields = new Map<string, string>()
    while (!scanner.tryClose(tag)) readField(scanner, '', fields, wanted)
    yield fields
  }
  if (!scanner.atEnd()) throw malformed(`the list of ${tag}s`, `goes on after its end ${scanner.place}`)
}

function readField(scanner: Scanner, prefix: string, fields: Map<string, string>, wanted: ReadonlySet<string>): void {
  const name = scanner.open()
  const key = prefix + name
  const value = scanner.text(name)
  if (value !== null) {
    if (wanted.has(key)) fields.set(key, decode(value))
    return
  }
  if (prefix !== '') throw malformed(key, `is nested too deeply ${scanner.place}`)
  while (!scanner.tryClose(name)) readField(scanner, `${name}.`, fields, wanted)
}

/** Reads tags and texts one after the other. */
class Scanner {
  readonly #text: string
  #at: number

  constructor(text: string, at: number) {
    this.#text = text
    this.#at = at
  }

  get place(): string {
    return `at character ${this.#at}`
  }

  atEnd(): boolean {
    this.#skipSpace()
    return this.#at === this.#text.length
  }

  /** Reads an opening tag and returns its name. */
  open(): string {
    this.#skipSpace()
    namePattern.lastIndex = this.#at + 1
    const name = this.#text.charCodeAt(this.#at) === 0x3c ? namePattern.exec(this.#text)?.[0] : undefined
    const end = this.#at + 1 + (name?.length ?? 0)
    if (name === undefined || this.#text.charCodeAt(end) !== 0x3e)
      throw malformed('the list', `has no tag ${this.place}`)
    this.#at = end + 1
    return name
  }

  /** Reads the closing tag if it is next. */
  tryClose(name: string): boolean {
    this.#skipSpace()
    const tag = `</${name}>`
    if (!this.#text.startsWith(tag, this.#at)) return false
    this.#at += tag.length
    return true
  }

  /** Reads a text with the closing tag after it; null, having read nothing, when tags are nested here. */
  text(name: string): string | null {
    const end = this.#text.indexOf('<', this.#at)
    if (end < 0) throw malformed(name, `is not closed ${this.place}`)
    const tag = `</${name}>`
    if (!this.#text.startsWith(tag, end)) {
      if (this.#text.slice(this.#at, end).trim() === '' && this.#text[end + 1] !== '/') return null
      throw malformed(name, `is not closed ${this.place}`)
    }
    const value = this.#text.slice(this.#at, end)
    this.#at = end + tag.length
    return value
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** What is no reference stays as it is: a lone & in some variable's value must not make the queue unreadable. */
function decode(text: string): string {
  if (!text.includes('&')) return text
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w+));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return entities[name] ?? whole
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}

/** A text; '' where it is left out. */
export function textOf(fields: Fields, name: string): string {
  return fields.get(name)?.trim() ?? ''
}

/** A text that must be there and be as said. */
export function requiredTextOf(fields: Fields, name: string, pattern: RegExp): string {
  const text = textOf(fields, name)
  if (!pattern.test(text)) throw malformed(name, `is "${text.slice(0, 80)}"`)
  return text
}

/** A whole number, at least 0; null where it is left out. */
export function numberOf(fields: Fields, name: string): number | null {
  const text = textOf(fields, name)
  if (text === '') return null
  if (!/^\d{1,15}$/.test(text)) throw malformed(name, `is no number: "${text.slice(0, 80)}"`)
  return Number(text)
}

/** Seconds since the epoch as ms; null where it is left out or 0. */
export function timeOf(fields: Fields, name: string): number | null {
  const seconds = numberOf(fields, name)
  return seconds === null || seconds === 0 ? null : seconds * 1000
}

/** The error for output that is not what Torque's programs promise. */
export function malformed(where: string, what: string, cause?: unknown): CausewayError {
  return new CausewayError('MalformedOutput', `Torque's answer can not be used: ${where} ${what}`, { cause })
}
