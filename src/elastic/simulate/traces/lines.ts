import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { CausewayError } from '../../../base/errors.ts'

/**
 * The lines of a text file one after another, without their line ends; a file called `*.gz` is unpacked on the way. The file is
 * never held whole.
 * @param growing the file may still be written, or was cut off by a crash: it ends with the line that is incomplete
 * @throws CausewayError `NotFound` when there is no such file, `InvalidRequest` when it can't be read or unpacked
 */
export async function* linesOf(path: string, growing = false): AsyncGenerator<string> {
  // A line may be as long as a round with 100,000 jobs: the parts of an unfinished one are joined once, not with each chunk.
  const unfinished: string[] = []
  try {
    for await (const chunk of open(path)) {
      const parts = chunk.split('\n')
      const last = parts.pop() ?? ''
      for (const part of parts) yield withoutReturn(unfinished.splice(0).join('') + part)
      unfinished.push(last)
    }
  } catch (error) {
    const isCut = (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR'
    if (!growing || !isCut) throw unreadable(path, error)
  }
  const rest = unfinished.join('')
  if (rest !== '') yield withoutReturn(rest)
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

/** Its chunks of text. */
function open(path: string): AsyncIterable<string> {
  const file = createReadStream(path)
  if (!path.endsWith('.gz')) return file.setEncoding('utf8')
  // Nothing is swallowed: what goes wrong in either stream comes out of the last one, which is read.
  return pipeline(file, createGunzip(), () => {}).setEncoding('utf8')
}

function unreadable(path: string, error: unknown): CausewayError {
  if (error instanceof CausewayError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return new CausewayError('NotFound', `${path}: there is no such file`, { cause: error })
  return new CausewayError('InvalidRequest', `${path}: can't be read: ${message}`, { cause: error })
}
