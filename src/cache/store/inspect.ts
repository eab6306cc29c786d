import { createHash } from 'node:crypto'
import { CausewayError } from '../../base/errors.ts'
import { closeFile, openToRead, readAll } from './files.ts'

/** Bytes read at a time. */
const stepBytes = 1024 * 1024

/**
 * Reads a body from its beginning to its end and compares it with its digest, in steps between which others get on.
 * @throws CausewayError `DamagedBody`; an `ENOENT`
 */
export async function inspect(path: string, { sha256, length }: { sha256: string; length: number }): Promise<void> {
  const fd = await openToRead(path)
  try {
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(stepBytes)
    let position = 0
    for (let bytes = -1; bytes !== 0; position += bytes) {
      bytes = await readAll(fd, buffer, position)
      hash.update(buffer.subarray(0, bytes))
    }
    if (position !== length || hash.digest('hex') !== sha256) {
      throw new CausewayError('DamagedBody', `${sha256} has other content now`)
    }
  } finally {
    await closeFile(fd)
  }
}
