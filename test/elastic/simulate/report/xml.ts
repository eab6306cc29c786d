import assert from 'node:assert/strict'

/** An element of a well-formed document. */
export interface Element {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: Element[]
  /** The text directly in it, entities resolved. */
  text: string
}

const entities = new Map([
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&#39;', "'"],
])
const unwritable = /[^\P{Cc}\t\n\r]|\ufffe|\uffff/u
const token = /<!DOCTYPE html>|<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|[^<]+/gy

/** Reads a page as XML, as far as reports use it; fails on whatever is not well-formed. Returns the outermost element. */
export function parseXml(source: string): Element {
  assert.ok(source.isWellFormed() && !unwritable.test(source), 'has characters that XML can not write')
  const root: Element = { name: '', attributes: new Map(), children: [], text: '' }
  const open = [root]
  token.lastIndex = 0
  while (token.lastIndex < source.length) {
    const from = token.lastIndex
    const found = token.exec(source)
    assert.ok(found, `no XML at ${from}: ${source.slice(from, from + 80)}`)
    const [text, closing, name, attributes, selfClosing] = found
    const parent = open.at(-1)
    assert.ok(parent)
    if (name === undefined) {
      if (!text.startsWith('<')) parent.text += resolved(text)
    } else if (closing) {
      assert.equal(name, parent.name, `</${name}> closes <${parent.name}>`)
      open.pop()
    } else {
      const element: Element = { name, attributes: attributesOf(attributes ?? ''), children: [], text: '' }
      parent.children.push(element)
      if (!selfClosing) open.push(element)
    }
  }
  assert.equal(open.length, 1, 'some element is not closed')
  const [html] = root.children
  assert.ok(html && root.children.length === 1)
  return html
}

/** All elements of a name, in the document's order. */
export function all(element: Element, name: string): Element[] {
  return element.children.flatMap((child) => [...(child.name === name ? [child] : []), ...all(child, name)])
}

function attributesOf(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>()
  for (const [, name, value] of text.matchAll(/([\w:-]+)="([^"]*)"/g)) {
    assert.ok(name && !attributes.has(name), `attribute ${name} twice`)
    attributes.set(name, resolved(value ?? ''))
  }
  return attributes
}

function resolved(text: string): string {
  return text.replace(/&[^;]*;?/g, (entity) => {
    const character = entities.get(entity)
    assert.ok(character, `unknown entity ${entity}`)
    return character
  })
}
