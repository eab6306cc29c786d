import { randomBytes } from 'node:crypto'
import { open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { CausewayError } from '../../../base/errors.ts'

/**
 * Gives a file that is there new content: other programs see it as it was or as it is to be, with the owner and the mode that it
 * has. Nothing is written when nothing changes.
 * @param change the new content, from the old
 * @returns whether it changed; false too where there is no such file
 * @throws CausewayError `InvalidConfig` when it can't be read or written
 */
export async function replaceFile(path: string, change: (old: string) => string): Promise<boolean> {
  try {
    const old = await readFile(path, 'utf8')
    const content = change(old)
    if (content === old) return false
    await write(path, content)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false
    if (cause instanceof CausewayError) throw cause
    throw new CausewayError('InvalidConfig', `${path} can't be kept up to date: ${(cause as Error).message}`, { cause })
  }
}

async function write(path: string, content: string): Promise<void> {
  const { uid, gid, mode } = await stat(path)
  const draft = `${path}.${randomBytes(4).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.chown(uid, gid)
    await file.chmod(mode & 0o7777)
    await file.writeFile(content)
    await file.sync()
    await rename(draft, path)
  } catch (error) {
    await unlink(draft)
    throw error
  } finally {
    await file.close()
  }
}
