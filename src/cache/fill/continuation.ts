import type { Headers } from '../headers.ts'
import type { Extent } from '../store/port.ts'
import { strongValidator } from '../store/resumable.ts'

/** What a response must be to belong to the same body. */
export interface Same {
  readonly headers: Headers
  /** Bytes of the whole body. */
  readonly length: number | undefined
  /** Its digest is known beforehand: whatever is put together wrongly will be found out. */
  readonly verified: boolean
}

/** Whether parts of a body can be told to belong to it: by a validator, or in the end by its digest. */
export function continues({ headers, verified }: Pick<Same, 'headers' | 'verified'>): boolean {
  return verified || strongValidator(headers) !== undefined
}

/** Whether two responses say that they are of the same version, and in a way that can be relied on. */
export function sameVersion(one: Headers, other: Headers): boolean {
  const validator = strongValidator(one)
  return validator !== undefined && validator === strongValidator(other)
}

/** The headers of a request for a part of a body that has begun to come. RFC 9110, sections 13.1.5 and 14.2. */
export function rangeHeaders({ start, end }: Extent, same: Same | undefined): Headers {
  const range = `bytes=${start}-${Number.isFinite(end) ? end - 1 : ''}`
  const validator = same && !same.verified ? strongValidator(same.headers) : undefined
  return validator === undefined ? { range } : { range, 'if-range': validator }
}

/** `bytes 0-99/1234`, taken apart; the length is undefined where the origin doesn't know it. RFC 9110, section 14.4. */
export function readContentRange(text: string | undefined): (Extent & { length: number | undefined }) | undefined {
  const [, first, last, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(text?.trim() ?? '') ?? []
  if (first === undefined || last === undefined) return undefined
  const length = total === '*' ? undefined : Number(total)
  const extent = { start: Number(first), end: Number(last) + 1 }
  return extent.end <= extent.start || (length !== undefined && extent.end > length) ? undefined : { ...extent, length }
}

/** What a response to a request for a part is. */
export type Verdict =
  | { readonly is: 'part'; readonly extent: Extent; readonly length: number | undefined }
  /** The same body, but from its beginning: the place gives no parts. */
  | { readonly is: 'whole' }
  /** Another version of the file. */
  | { readonly is: 'changed'; readonly why: string }
  /** The place is of no use for this now. */
  | { readonly is: 'failed'; readonly why: string }

interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly length: number | undefined
}

/**
 * Whether a response goes on with a body that has begun to come. Strict: a part counts only when it begins where it was
 * asked for, and nothing about it says that it is another version.
 */
export function judge(asked: Extent, same: Same, { status, headers, length }: Answered): Verdict {
  if (status === 206) {
    const part = readContentRange(headers['content-range'])
    if (!part) return { is: 'failed', why: `a part without a right Content-Range: ${headers['content-range']}` }
    if (same.length !== undefined && part.length !== undefined && part.length !== same.length) {
      return { is: 'changed', why: `it has ${part.length} bytes now instead of ${same.length}` }
    }
    if (!continues(same)) return { is: 'changed', why: 'nothing tells whether a part is of the same version' }
    if (!same.verified && contradict(same.headers, headers)) return { is: 'changed', why: 'its validators differ' }
    if (part.start !== asked.start) return { is: 'failed', why: `the part begins at ${part.start}, not ${asked.start}` }
    if (length !== undefined && length !== part.end - part.start) {
      return { is: 'failed', why: `the part ${headers['content-range']} has ${length} bytes` }
    }
    const extent = { start: part.start, end: Math.min(part.end, asked.end) }
    return { is: 'part', extent, length: part.length }
  }
  if (status === 200) {
    const sameLength = length === undefined || same.length === undefined || length === same.length
    if (!sameLength) return { is: 'changed', why: `it has ${length} bytes now instead of ${same.length}` }
    if (same.verified) return { is: 'whole' }
    const validator = strongValidator(same.headers)
    const again = validator !== undefined && validator === strongValidator(headers)
    return again ? { is: 'whole' } : { is: 'changed', why: 'it was sent anew, as another version' }
  }
  if (status === 404 || status === 410 || status === 412 || status === 416) {
    return { is: 'changed', why: `it is answered ${status} now` }
  }
  return { is: 'failed', why: `answered ${status}` }
}

/** Whether two responses' validators say that they are of two versions. */
function contradict(one: Headers, other: Headers): boolean {
  for (const name of ['etag', 'last-modified']) {
    const [a, b] = [one[name], other[name]]
    if (a !== undefined && b !== undefined && a !== b) return true
  }
  return false
}

/** Codings that a file's own name speaks of: servers that label `x.gz` so send it as it is. */
const suffixes: Readonly<Record<string, RegExp>> = {
  gzip: /\.(gz|tgz|svgz)$/,
  'x-gzip': /\.(gz|tgz|svgz)$/,
  bzip2: /\.(bz2|tbz2?)$/,
  'x-bzip2': /\.(bz2|tbz2?)$/,
  xz: /\.(xz|txz)$/,
  'x-xz': /\.(xz|txz)$/,
  zstd: /\.zst$/,
}

/**
 * Whether the bytes of a response are those of the file, as it was asked for (`accept-encoding: identity`). A body that an
 * origin packed all the same is not: under the file's name it would be another file. RFC 9110, section 8.4.
 */
export function isPlain(path: string, headers: Headers): boolean {
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? ''
  if (coding === '' || coding === 'identity') return true
  const [file = ''] = path.split('?', 1)
  return suffixes[coding]?.test(file) === true
}
