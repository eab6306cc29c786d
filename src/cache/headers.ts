/** Header fields by lower-case name; several of one name joined with commas. */
export type Headers = Readonly<Record<string, string>>

/** Headers as undici hands them over: lower-case names. */
export type ReceivedHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Meant for one connection only (RFC 9110, section 7.6.1), or ours to say, or a client's own. */
const dropped: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-cache',
])

/** An origin's response headers without what is not for the next reader, nor what `Connection` names. */
export function endToEnd(received: ReceivedHeaders): Headers {
  const named = one(received['connection'])
    .split(',')
    .map((name) => name.trim().toLowerCase())
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(received)) {
    if (value === undefined || dropped.has(name) || named.includes(name)) continue
    kept[name] = one(value)
  }
  return kept
}

/** A header's value, several joined as RFC 9110, section 5.3 allows. */
export function one(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(', ') : (value ?? '')
}
