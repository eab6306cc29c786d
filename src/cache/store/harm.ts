import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { CausewayError } from '../../base/errors.ts'
import { isMissing } from './files.ts'

/**
 * Whether a body that can't be read is itself to blame: it is other than what was written, its file has gone, or the disk
 * can't give it out any more (a bad sector). Otherwise the store is: too many open files, no permission, its folders are not
 * there; then what is kept may well be whole.
 * @param path Of the body's file.
 */
export function isHarmed(error: unknown, path: string): boolean {
  if (error instanceof CausewayError) return error.code === 'DamagedBody'
  if (isMissing(error)) return existsSync(dirname(path))
  const { code } = error as NodeJS.ErrnoException
  return code === 'EIO' || code === 'EUCLEAN'
}
