import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CausewayError } from '../base/errors.ts'

/**
 * The content of a secret file; made with 256 random bits, readable by its owner only, where there is none yet. It appears
 * under its name whole or not at all.
 * @throws CausewayError `InvalidConfig` when it can be neither read nor made, or is empty
 */
export async function secretFile(path: string): Promise<Buffer> {
  try {
    await makeIfMissing(path)
    const content = await readFile(path)
    if (content.length > 0) return content
  } catch (cause) {
    throw new CausewayError('InvalidConfig', `the secret file ${path} can't be used: ${(cause as Error).message}`, {
      cause,
    })
  }
  throw new CausewayError('InvalidConfig', `the secret file ${path} is empty: remove it and a new one is made`)
}

async function makeIfMissing(path: string): Promise<void> {
  const exists = await readFile(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
  if (exists) return
  await mkdir(dirname(path), { recursive: true, mode: 0o750 })
  const draft = `${path}.${process.pid}`
  await writeFile(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 })
  try {
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(draft)
  }
}
