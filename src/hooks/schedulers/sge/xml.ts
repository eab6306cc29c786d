import { CausewayError } from '../../../base/errors.ts'

/** What is told of a document, in its order. Attributes are as they are written: `attributeOf` reads one. */
export interface XmlVisitor {
  /** An element that has others in it begins. */
  open(name: string, attributes: string): void
  /** An element without others in it: its text, '' for an empty one. */
  leaf(name: string, text: string, attributes: string): void
  /** The element that was opened last ends. */
  close(name: string): void
}

const prologPattern = /^<\?xml version='1\.0'\?>\s*/
/**
 * An opening tag. After the master has started again, it writes lists of a job's elements as `<JATASK:       1.>`, which is no XML:
 * it has read them from its disk under that name.
 */
const tagPattern = /<([A-Za-z_][\w.-]*(?::[ \d.]+)?)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*>/y
const spacePattern = /\s*/y

/**
 * Goes through a document of Grid Engine's programs. Anything that is not one whole document is refused: cut, with a line in front
 * or behind, other text between elements, other bytes than text.
 *
 * This is not a parser for XML, but for the part of it that Grid Engine writes: elements, attributes and texts, no comments, sections
 * or empty-element tags. A general one takes longer than there is (docs/design/007-xml.md).
 * @param roots the names that the outermost element may have
 * @throws CausewayError `MalformedOutput`
 */
export function walkXml(text: string, roots: readonly string[], visitor: XmlVisitor): void {
  const prolog = prologPattern.exec(text)
  if (!prolog) throw malformed('the document', 'does not begin as XML')
  if (text.includes('\0')) throw malformed('the document', 'has bytes that are no text')
  const open: string[] = []
  let at = prolog[0].length
  do {
    tagPattern.lastIndex = at
    const tag = tagPattern.exec(text)
    if (tag) {
      const [whole, name = '', attributes = ''] = tag
      if (open.length === 0 && !roots.includes(name)) throw malformed('the document', `is <${name.slice(0, 40)}>`)
      at += whole.length
      const next = text.indexOf('<', at)
      if (next >= 0 && text.startsWith(`</${name}>`, next) && open.length > 0) {
        visitor.leaf(name, decode(text.slice(at, next)), attributes)
        at = next + name.length + 3
      } else {
        open.push(name)
        visitor.open(name, attributes)
      }
    } else {
      const name = open.pop()
      if (name === undefined || !text.startsWith(`</${name}>`, at)) {
        throw malformed('the document', `is not whole or not XML at character ${at}`)
      }
      at += name.length + 3
      visitor.close(name)
    }
    spacePattern.lastIndex = at
    at += spacePattern.exec(text)?.[0].length ?? 0
  } while (open.length > 0)
  if (at !== text.length) throw malformed('the document', `goes on after its end at character ${at}`)
}

/** The value of an attribute, '' if it is not there. */
export function attributeOf(attributes: string, name: string): string {
  for (const [, key, double, single] of attributes.matchAll(/([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
    if (key === name) return decode(double ?? single ?? '')
  }
  return ''
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function decode(text: string): string {
  if (!text.includes('&')) return text
  return text.replaceAll(/&(?:#(\d{1,7})|(\w+));/g, (whole, code, name) => {
    if (name !== undefined) return entities[name] ?? whole
    return Number(code) <= 0x10ffff ? String.fromCodePoint(Number(code)) : whole
  })
}

/** A whole number, at least 0. */
export function wholeOf(where: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw malformed(where, `is no number: "${text.slice(0, 80)}"`)
  return Number(text)
}

/** The error for output that is not what Grid Engine's programs promise. */
export function malformed(where: string, what: string, cause?: unknown): CausewayError {
  return new CausewayError('MalformedOutput', `Grid Engine's answer can not be used: ${where} ${what}`, { cause })
}
