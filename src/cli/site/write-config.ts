import { randomBytes } from 'node:crypto'
import { chown, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { CausewayError } from '../../base/errors.ts'

/**
 * Puts a new text in a configuration file's place, in one step, with the file's mode and owner.
 * @param before the text that the new one was made from
 * @throws CausewayError `Conflict` where the file has been changed since
 */
export async function replaceConfig(file: string, before: string, after: string): Promise<void> {
  if ((await readFile(file, 'utf8')) !== before) {
    throw new CausewayError('Conflict', `${file} has been changed meanwhile: nothing is written, run this again`)
  }
  const { mode, uid, gid } = await stat(file)
  const beside = `${file}.${randomBytes(6).toString('hex')}`
  try {
    const handle = await open(beside, 'wx', mode & 0o777)
    try {
      await handle.writeFile(after)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await chown(beside, uid, gid)
    await rename(beside, file)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}
