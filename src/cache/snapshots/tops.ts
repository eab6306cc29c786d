import { createHash } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Format, Suite, TopIndex } from '../formats/format.ts'
import type { Headers } from '../headers.ts'
import type { Origin } from '../origins.ts'
import { indexValidators } from '../rules/freshness.ts'
import type { Upstream } from '../upstream/ask.ts'
import type { Counters } from '../watch/counters.ts'
import type { Traffic } from '../watch/traffic.ts'
import { sameContents, tablesOf, type Version } from './version.ts'

/** Bytes that a top index may have. Debian's has 150 kB; where there is only one index, as in Arch, 10 MB. */
const most = 32 * 1024 * 1024

/** A small file of an origin, whole. */
export interface Whole {
  readonly path: string
  readonly headers: Headers
  readonly body: Buffer
  readonly sha256: string
}

/** A top index as it came, checked and read. */
export interface Top extends Whole, Pick<Version, 'files' | 'aliases' | 'madeAtMs' | 'validUntilMs'> {
  /** What vouches for it, where it came along. */
  readonly signature: Whole | undefined
}

/**
 * Checks a signature.
 * @param signature Undefined: it is inside.
 * @returns What is signed, and nothing else.
 * @throws CausewayError when the keyring doesn't vouch for it
 */
export type VerifySignature = (keyring: string, signed: Buffer, signature: Buffer | undefined) => Promise<Buffer>

export interface TopsDeps {
  readonly upstream: Upstream
  readonly verify: VerifySignature
  readonly counters: Counters
  readonly traffic: Pick<Traffic, 'received'>
  readonly clock: Clock
}

/** Asks origins for top indexes and what lies beside them. */
export class Tops {
  readonly #deps: TopsDeps

  constructor(deps: TopsDeps) {
    this.#deps = deps
  }

  /**
   * The top index as the origin has it now; 'same' when it says that it is what it was.
   * @throws CausewayError `OriginUnreachable`, `NotFound`, `TransferBroken`, `BadSignature`; `MalformedOutput` when it can't
   *   be read though the one before could
   */
  async look(format: Format, origin: Origin, suite: Suite, before: Version | undefined): Promise<Top | 'same'> {
    const { parted } = suite
    if (before && before.top === parted?.top) {
      if ((await this.#get(origin, before.top, indexValidators(before.headers))) === 'same') return 'same'
    } else {
      const whole = await this.#get(origin, suite.top, before ? indexValidators(before.headers) : {}).catch(
        (error: unknown) => {
          if (parted && error instanceof CausewayError && error.code === 'NotFound') return undefined
          throw error
        },
      )
      if (whole === 'same') return whole
      if (whole) return this.#read(format, origin, suite, whole, suite.signature, before)
    }
    if (!parted) throw new CausewayError('NotFound', `${origin.host} has no ${suite.top}`)
    const whole = await this.#whole(origin, parted.top)
    return this.#read(format, origin, suite, whole, parted.signature, before)
  }

  /**
   * What the origin has beside a version's top index: its signature, or the same signed apart.
   * @throws CausewayError `DigestMismatch` when the origin's has moved on
   */
  async beside(format: Format, version: Version, path: string): Promise<Whole> {
    const { origin, suite } = version
    const whole = await this.#whole(origin, path)
    if (path === suite.top || path === suite.parted?.top) {
      const { files } = tablesOf(await this.#text(format, origin, suite, whole, undefined))
      if (!sameContents(files, version.files)) throw movedOn(path, version)
      return whole
    }
    // A signature says only itself what it belongs to: it does when what it lies beside is the same before and after.
    const signed = path === suite.signature ? suite.top : (suite.parted?.top ?? suite.top)
    const digest = version.attached.get(signed)?.expected.digest
    if ((await this.#whole(origin, signed)).sha256 !== digest) throw movedOn(path, version)
    return whole
  }

  async #read(
    format: Format,
    origin: Origin,
    suite: Suite,
    whole: Whole,
    apart: string | undefined,
    before: Version | undefined,
  ): Promise<Top> {
    const signature = origin.keyring !== undefined && apart ? await this.#whole(origin, apart) : undefined
    try {
      const top = await this.#text(format, origin, suite, whole, signature?.body)
      const { madeAtMs, validUntilMs } = top
      return { ...whole, ...tablesOf(top), madeAtMs, validUntilMs, signature }
    } catch (error) {
      const unreadable = error instanceof CausewayError && error.code === 'MalformedOutput'
      if (!unreadable || origin.keyring !== undefined || (before && before.files.size > 0)) throw error
      // Nobody vouches for anything here, and nothing was lost: it is passed on as it is.
      const nothing = { files: new Map(), aliases: new Map(), madeAtMs: undefined, validUntilMs: undefined }
      return { ...whole, ...nothing, signature }
    }
  }

  /** Only what is signed is read, where there is a keyring. */
  async #text(
    format: Format,
    origin: Origin,
    suite: Suite,
    { body }: Whole,
    signature: Buffer | undefined,
  ): Promise<TopIndex> {
    if (origin.keyring === undefined) return format.readTop(suite, body)
    return format.readTop(suite, await this.#deps.verify(origin.keyring, body, signature))
  }

  async #whole(origin: Origin, path: string): Promise<Whole> {
    const whole = await this.#get(origin, path, {})
    if (whole === 'same') throw new CausewayError('TransferBroken', `${origin.host} answered 304 without being asked`)
    return whole
  }

  async #get(origin: Origin, path: string, headers: Headers): Promise<Whole | 'same'> {
    const { upstream, counters, traffic } = this.#deps
    counters.upstreamRequests += 1
    const response = await upstream.ask({ origin, method: 'GET', path: encodeURI(path), kind: 'index', headers })
    const { status, length, framed } = response
    if (status !== 200) {
      response.body.on('error', () => {})
      response.body.destroy()
      if (status === 304) return 'same'
      if (status === 404 || status === 410) throw new CausewayError('NotFound', `${origin.host} has no ${path}`)
      throw new CausewayError('OriginUnreachable', `${origin.host} answers ${status} for ${path}`)
    }
    const chunks: Buffer[] = []
    let bytes = 0
    try {
      for await (const chunk of response.body) {
        counters.upstreamBytes += chunk.length
        traffic.received(origin.host, chunk.length)
        bytes += chunk.length
        if (bytes > most) throw new Error(`more than ${most} bytes`)
        chunks.push(chunk)
      }
      if (!framed || (length !== undefined && length !== bytes)) throw new Error(`${bytes} of ${length} bytes came`)
    } catch (cause) {
      throw new CausewayError('TransferBroken', `${path} of ${origin.host} did not come whole`, { cause })
    }
    const body = Buffer.concat(chunks, bytes)
    const sha256 = createHash('sha256').update(body).digest('hex')
    return { path, headers: response.headers, body, sha256 }
  }
}

function movedOn(path: string, { origin, id }: Version): CausewayError {
  return new CausewayError('DigestMismatch', `${path} of ${origin.host} is not of the moment of ${id.slice(0, 12)}`)
}
