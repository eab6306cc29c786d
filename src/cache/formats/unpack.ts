import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { CausewayError } from '../../base/errors.ts'
import { malformed } from './stanzas.ts'

/** What an index may come to, unpacked: Fedora's largest list of packages has 0.2 GB. */
const mostUnpackedBytes = 1024 * 1024 * 1024

type Packing = 'gzip' | 'zstd' | 'xz' | 'bzip2' | 'none'

/** How bytes are packed, by what they begin with: at least 6 of them, or all that there are. */
function packingOf(head: Buffer): Packing {
  const begins = (...bytes: number[]) => bytes.every((byte, at) => head[at] === byte)
  if (begins(0x1f, 0x8b)) return 'gzip'
  if (begins(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd'
  if (begins(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return 'xz'
  // The old .lzma: 5 bytes of properties, then a length.
  if (begins(0x5d, 0x00, 0x00)) return 'xz'
  if (begins(0x42, 0x5a, 0x68)) return 'bzip2'
  if (begins(0x00, 0x5a, 0x43, 0x4b)) throw malformed('zchunk is not unpacked here')
  return 'none'
}

/**
 * Unpacks gzip, zstd, xz and bzip2 (the latter two by their programs), and passes on what is not packed. How it is packed is
 * told from its first bytes: names say little (Arch's `core.db`).
 *
 * Nothing is held but what is under way; what comes to more than `limit` bytes is broken off.
 * @throws CausewayError `MalformedOutput`; `CommandFailed` when a program can't be run; what reading `chunks` throws
 */
export async function* unpacked(chunks: AsyncIterable<Buffer>, limit = mostUnpackedBytes): AsyncGenerator<Buffer> {
  const source = new Source(chunks)
  const packing = packingOf(await source.head(6))
  let bytes = 0
  for await (const piece of unpackedBy(packing, source)) {
    bytes += piece.length
    if (bytes > limit) throw malformed(`it unpacks to more than ${limit} bytes`)
    yield piece
  }
}

function unpackedBy(packing: Packing, source: Source): AsyncIterable<Buffer> {
  switch (packing) {
    case 'gzip':
      return through(source, createGunzip())
    case 'zstd':
      return through(source, createZstdDecompress())
    case 'xz':
      return throughProgram(source, ['xz', '--decompress', '--stdout', '--memlimit-decompress=128MiB'])
    case 'bzip2':
      return throughProgram(source, ['bzip2', '--decompress', '--stdout'])
    case 'none':
      return source.rest()
  }
}

async function* through(source: Source, unpacker: Transform): AsyncGenerator<Buffer> {
  const fed = pipeline(Readable.from(source.rest()), unpacker)
  fed.catch(() => {})
  try {
    for await (const piece of unpacker) yield piece as Buffer
    await fed
  } catch (error) {
    throw source.failure ?? malformed((error as Error).message)
  } finally {
    unpacker.destroy()
  }
}

async function* throughProgram(source: Source, [program = '', ...args]: readonly string[]): AsyncGenerator<Buffer> {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  })
  const ended = once(child, 'close') as Promise<[number | null]>
  ended.catch(() => {})
  let said = ''
  child.stderr.on('data', (text: Buffer) => {
    if (said.length < 1000) said += text.toString('utf8')
  })
  const fed = pipeline(Readable.from(source.rest()), child.stdin)
  fed.catch(() => {})
  try {
    for await (const piece of child.stdout) yield piece as Buffer
    const [status] = await ended
    if (source.failure !== undefined) throw source.failure
    if (status !== 0) throw malformed(`${program}: ${said.trim().slice(0, 300)}`)
  } catch (error) {
    if (child.pid !== undefined || error instanceof CausewayError) throw error
    throw new CausewayError('CommandFailed', `${program} can't be run: ${(error as Error).message}`, { cause: error })
  } finally {
    child.kill('SIGKILL')
    child.stdin.destroy()
  }
}

/** Bytes whose first ones can be looked at before they are read; remembers how reading them failed. */
class Source {
  readonly #chunks: AsyncIterator<Buffer>
  #ahead: Buffer[] = []
  failure: unknown

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  async head(length: number): Promise<Buffer> {
    for (let bytes = 0; bytes < length; ) {
      const next = await this.#chunks.next()
      if (next.done === true) break
      this.#ahead.push(next.value)
      bytes += next.value.length
    }
    return Buffer.concat(this.#ahead)
  }

  async *rest(): AsyncGenerator<Buffer> {
    try {
      yield* this.#ahead.splice(0)
      for (let next = await this.#chunks.next(); next.done !== true; next = await this.#chunks.next()) yield next.value
    } catch (error) {
      this.failure = error
      throw error
    } finally {
      await this.#chunks.return?.()
    }
  }
}
