import { malformed } from './stanzas.ts'

/** A tag of a document, in order. An empty element opens and closes. */
export type XmlToken =
  | { readonly kind: 'open'; readonly name: string; readonly attributes: ReadonlyMap<string, string> }
  | { readonly kind: 'close'; readonly name: string }
  | { readonly kind: 'text'; readonly text: string }

const tagPattern = /<(\/?)([A-Za-z_][\w:.-]*)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y
const attributePattern = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g

/**
 * The tags and texts of a piece of XML: elements with attributes, texts, comments, a declaration in front. No document type,
 * so no entities but the five of XML and characters by number: nothing expands, nothing is fetched. Elements must close in order.
 * @throws CausewayError `MalformedOutput` for anything else
 */
export function* xmlTokens(text: string): Generator<XmlToken> {
  const open: string[] = []
  let at = /^\uFEFF?\s*(?:<\?xml\s[^<>]*\?>)?/.exec(text)?.[0].length ?? 0
  while (at < text.length) {
    const next = text.indexOf('<', at)
    const until = next < 0 ? text.length : next
    if (until > at) {
      const between = text.slice(at, until)
      if (open.length > 0) yield { kind: 'text', text: decodeXml(between) }
      else if (between.trim() !== '') throw malformed('there is text outside of the XML')
      at = until
      continue
    }
    if (text.startsWith('<!--', at)) {
      const end = text.indexOf('-->', at + 4)
      if (end < 0) throw malformed('a comment of the XML does not end')
      at = end + 3
      continue
    }
    tagPattern.lastIndex = at
    const [whole, closing, name = '', attributes = '', empty] = tagPattern.exec(text) ?? []
    if (whole === undefined) throw malformed(`no XML at ${JSON.stringify(text.slice(at, at + 60))}`)
    at += whole.length
    if (closing === '/') {
      if (attributes !== '' || empty !== '' || open.pop() !== name) throw malformed(`</${name}> is out of place`)
      yield { kind: 'close', name }
      continue
    }
    yield { kind: 'open', name, attributes: readAttributes(attributes) }
    if (empty === '/') yield { kind: 'close', name }
    else open.push(name)
    if (open.length > 100) throw malformed('the XML is nested too deeply')
  }
  if (open.length > 0) throw malformed(`<${open.at(-1)}> is not closed`)
}

function readAttributes(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>()
  if (text === '') return attributes
  for (const [, name = '', double, single] of text.matchAll(attributePattern)) {
    if (attributes.has(name)) throw malformed(`two attributes ${name}`)
    attributes.set(name, decodeXml(double ?? single ?? ''))
  }
  return attributes
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** A text with its entities and characters by number replaced. */
export function decodeXml(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&([^;&]{0,10});?/g, (whole, entity: string) => {
    const character = entities[entity] ?? byNumber(entity)
    if (character === undefined || !whole.endsWith(';')) throw malformed(`${whole} is no entity that is known here`)
    return character
  })
}

function byNumber(entity: string): string | undefined {
  const [, hexadecimal, decimal] = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(entity) ?? []
  const code = hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16)
  return code > 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : undefined
}
