import { CausewayError } from '../../../base/errors.ts'

/** Where Slurm refuses a part and serves the rest, what it served is seen by looking again; resolves to the refusal. */
export async function unlessRefused(call: Promise<void>): Promise<CausewayError | null> {
  try {
    await call
    return null
  } catch (error) {
    if (error instanceof CausewayError && error.code === 'CommandFailed') return error
    throw error
  }
}
