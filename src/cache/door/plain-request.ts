/** A request that means the same to whoever reads it. */
export interface PlainRequest {
  readonly target: string
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[]
}

const requestLine = /^GET (\/[!-~]*) HTTP\/1\.1$/

/** Fields that change nothing about the answer to a plain GET; of `Connection` only its usual value. */
const harmless =
  /^(host|user-agent|accept|accept-encoding|accept-language): ?([!-~](?:[ -~]*[!-~])?)$|^(connection): ?(keep-alive)$/i

/**
 * Reads bytes that are exactly one request without a body and with harmless fields only. Undefined for everything else,
 * however near it comes: that is for a real parser, which then decides what it is.
 */
export function readPlainRequest(text: string): PlainRequest | undefined {
  if (!text.endsWith('\r\n\r\n')) return undefined
  const lines = text.slice(0, -4).split('\r\n')
  const [, target] = requestLine.exec(lines[0] as string) ?? []
  if (target === undefined) return undefined
  const rawHeaders: string[] = []
  for (let at = 1; at < lines.length; at += 1) {
    const [, name, value, connection, keepAlive] = harmless.exec(lines[at] as string) ?? []
    if (name !== undefined && value !== undefined) rawHeaders.push(name, value)
    else if (connection !== undefined && keepAlive !== undefined) rawHeaders.push(connection, keepAlive)
    else return undefined
  }
  return { target, rawHeaders }
}
