import { CausewayError } from '../../base/errors.ts'
import type { Headers } from '../headers.ts'
import type { UpstreamResponse } from '../upstream/ask.ts'
import { drop } from '../upstream/drop.ts'
import { isPlain, readContentRange } from './continuation.ts'
import type { Wanted } from './wanted.ts'

/** Places whose answers are looked at before it is given up. */
const mostPlaces = 3

export interface FirstAsk {
  readonly wanted: Wanted
  readonly headers: Headers
  readonly avoid: readonly string[]
}

/**
 * Asks for a body that nothing is there of. An answer that can't be right (a part that wasn't asked for, a packed body, a
 * length that the index contradicts) counts as none, and another place is asked.
 * @throws CausewayError as `Upstream.ask`; `TransferBroken`, `DigestMismatch` when no place gives a right answer
 */
export async function askFirst(
  ask: (headers: Headers, from: { avoid: readonly string[] }) => Promise<UpstreamResponse>,
  { wanted, headers, avoid }: FirstAsk,
): Promise<UpstreamResponse> {
  const wrong: string[] = [...avoid]
  let refused: CausewayError | undefined
  for (let places = 0; places < mostPlaces; places += 1) {
    let response: UpstreamResponse
    try {
      response = await ask(headers, { avoid: wrong })
    } catch (error) {
      throw refused ?? error
    }
    const fault = faultOf(wanted, headers['range'], response)
    if (!fault) return response
    drop(response)
    refused = new CausewayError(fault.code, `${response.place}: ${fault.why}`)
    if (wrong.includes(response.place)) break
    wrong.push(response.place)
  }
  throw refused ?? new CausewayError('OriginUnreachable', `${wanted.origin.host} gives no right answer`)
}

interface Fault {
  readonly code: 'TransferBroken' | 'DigestMismatch'
  readonly why: string
}

function faultOf({ path, expected }: Wanted, range: string | undefined, response: UpstreamResponse): Fault | undefined {
  const { status, headers, length } = response
  if (status !== 200 && status !== 206) return undefined
  if (!isPlain(path, headers)) {
    return { code: 'TransferBroken', why: `it sent the file packed (${headers['content-encoding']})` }
  }
  if (status === 200) return wrongLength(length)
  if (range === undefined) return { code: 'TransferBroken', why: 'it sent a part, which was not asked for' }
  const part = readContentRange(headers['content-range'])
  const first = /^bytes=(\d+)-/.exec(range)?.[1]
  if (
    !part ||
    (first !== undefined && part.start !== Number(first)) ||
    (length ?? part.end - part.start) !== part.end - part.start
  ) {
    return { code: 'TransferBroken', why: `it sent another part than ${range}: ${headers['content-range']}` }
  }
  return wrongLength(part.length)

  function wrongLength(bytes: number | undefined): Fault | undefined {
    if (bytes === undefined || expected?.bytes === undefined || bytes === expected.bytes) return undefined
    return { code: 'DigestMismatch', why: `it has ${bytes} bytes, and ${expected.bytes} by its index` }
  }
}
