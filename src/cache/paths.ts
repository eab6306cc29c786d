/*
 * One way to write each path, so that a file that clients name in several ways is kept once. What is equivalent follows
 * RFC 3986, section 6.2.2, and what file servers make of the rest.
 */

/** May stand for themselves in a segment of a path (RFC 3986, section 3.3: pchar). */
const plainInPath = /[A-Za-z0-9\-._~!$&'()*+,;=:@]/

/** Never mean anything but themselves (RFC 3986, section 2.3). In a query `+`, `&` and `=` do. */
const unreserved = /[A-Za-z0-9\-._~]/

/** Of a path with a query or without: what has to be looked at more closely. */
const suspect = /[%[\]]|\/\/|\/\.(?:[/?]|$)/

/**
 * A path, with its query, as it is kept and asked for:
 * - `%7E` is `~` and `%2b` is `+`: what needs no escape has none, and the others are upper case.
 * - `/./` is `/`, as is `//`: mirrors are file systems, and a path that begins with `//` could be read as a host.
 * - In the query only what never means anything but itself is unescaped; `+` and `%2B` differ there.
 *
 * Doing it twice changes nothing more.
 *
 * @param path Begins with `/`; its escapes are whole, and none of its segments is `..`, however written.
 */
export function canonicalPath(path: string): string {
  if (!suspect.test(path)) return path
  const mark = path.indexOf('?')
  const file = mark === -1 ? path : path.slice(0, mark)
  const query = mark === -1 ? '' : path.slice(mark)
  const plain = reescape(file, plainInPath).replaceAll('[', '%5B').replaceAll(']', '%5D')
  return plain.replace(/\/(?:\.?\/)+/g, '/').replace(/\/\.$/, '/') + reescape(query, unreserved)
}

function reescape(text: string, plain: RegExp): string {
  return text.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return plain.test(character) ? character : escape.toUpperCase()
  })
}

/**
 * The canonical path of a file whose name is not escaped, as indexes have it: a `%` in it is part of the name.
 * @param name From the origin's root, beginning with `/`.
 */
export function pathOfName(name: string): string {
  return canonicalPath(encodeURI(name.toWellFormed()).replaceAll('?', '%3F').replaceAll('#', '%23'))
}

/**
 * A canonical path as an origin is asked for it. `+` is escaped: file servers read `%2B` as `+` in any case, while some
 * object stores read a bare `+` in a path as a space.
 */
export function pathToAsk(path: string): string {
  const mark = path.indexOf('?')
  if (mark === -1) return path.replaceAll('+', '%2B')
  return path.slice(0, mark).replaceAll('+', '%2B') + path.slice(mark)
}
