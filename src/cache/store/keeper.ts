import { CausewayError } from '../../base/errors.ts'
import type { Expected } from '../verify/expected.ts'
import type { PartialFile } from './partial-file.ts'
import type { IncomingHead, Kept } from './port.ts'
import type { Whole } from './rows.ts'

/** What a body on its way needs of the store. */
export interface Keeper {
  /** Makes a complete body the one kept for its key, out of its file or its bytes. */
  keep(head: IncomingHead, whole: Omit<Whole, 'storedAtMs'>, from: PartialFile | Buffer): Promise<Kept>
  /** The transfer can be continued after a crash from now on, as one with this head. */
  remember(file: PartialFile, head: IncomingHead): Promise<void>
  /** Puts away the bytes that have come, for a later transfer to go on with. */
  suspend(file: PartialFile, bytes: number): Promise<void>
  /** Removes the bytes that have come. It never rejects. */
  drop(file: PartialFile, bytes: number): Promise<void>
  /** Told of a body that is not what its index says. */
  mismatch(head: IncomingHead, message: string): void
  /** Passes a result on, and remembers a failure of the disk. */
  noting<T>(operation: Promise<T>): Promise<T>
}

/**
 * Compares a complete body with what its index says.
 * @param digest By the algorithm that is expected.
 * @throws CausewayError `DigestMismatch`, which the keeper has been told of
 */
export function compare(
  { key, expected, ...head }: IncomingHead,
  length: number,
  digest: string,
  keeper: Keeper,
): void {
  if (!expected || fits(expected, length, digest)) return
  const message = `${key} is not what its index says: ${expected.algorithm} ${digest}, ${length} bytes`
  keeper.mismatch({ key, expected, ...head }, message)
  throw new CausewayError('DigestMismatch', message, { facts: { expected } })
}

function fits(expected: Expected, length: number, digest: string): boolean {
  return expected.digest === digest && (expected.bytes === undefined || expected.bytes === length)
}
