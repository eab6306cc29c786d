import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { CausewayError } from '../../../src/base/errors.ts'
import type { Upstream, UpstreamAsk, UpstreamResponse } from '../../../src/cache/upstream/ask.ts'

interface File {
  readonly body: Buffer
  readonly modifiedMs: number
}

/** An origin in memory: files by path, changed one by one as a mirror's are. */
export class FakeMirror implements Upstream {
  readonly files = new Map<string, File>()
  /** Paths that were asked for, in order; `304 ` in front of those that hadn't changed. */
  readonly asked: string[] = []
  /** No answer: refused at once, or nothing ever. */
  away: 'refuses' | 'hangs' | undefined
  /** Called before each answer. */
  before: (path: string) => Promise<void> | void = () => {}
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  put(path: string, body: string | Buffer, modifiedMs = this.#now()): void {
    this.files.set(path, { body: Buffer.from(body), modifiedMs })
  }

  async ask({ path, headers, signal }: UpstreamAsk): Promise<UpstreamResponse> {
    await this.before(path)
    if (this.away === 'hangs') await new Promise((_resolve, reject) => signal?.addEventListener('abort', reject))
    if (this.away) throw new CausewayError('OriginUnreachable', 'nobody answers')
    const file = this.files.get(path)
    const date = new Date(this.#now()).toUTCString()
    if (!file) {
      this.asked.push(path)
      return response(404, { date }, Buffer.from('no'))
    }
    const modified = new Date(file.modifiedMs).toUTCString()
    if (headers['if-modified-since'] === modified) {
      this.asked.push(`304 ${path}`)
      return response(304, { date }, Buffer.alloc(0))
    }
    this.asked.push(path)
    return response(200, { date, 'last-modified': modified }, file.body)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

function response(status: number, headers: Record<string, string>, body: Buffer): UpstreamResponse {
  const stream = Readable.from([body]) as UpstreamResponse['body']
  return { status, headers, length: body.length, framed: true, body: stream, place: 'http://mirror.lab' }
}

export function sha256(body: string | Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}

/**
 * A Debian suite's `Release` for indexes by their name below the suite's folder.
 * @param options `byHash`: whether the mirror has them under their digests too.
 */
export function releaseOf(
  indexes: Readonly<Record<string, string>>,
  madeAtMs: number,
  { byHash = false }: { byHash?: boolean } = {},
): string {
  const lines = Object.entries(indexes).map(([name, body]) => ` ${sha256(body)} ${Buffer.byteLength(body)} ${name}`)
  const fields = ['Suite: lab', `Date: ${new Date(madeAtMs).toUTCString()}`]
  if (byHash) fields.push('Acquire-By-Hash: yes')
  return `${[...fields, 'SHA256:', ...lines].join('\n')}\n`
}
