import { CausewayError } from '../../base/errors.ts'
import { fingerprint, type HostKey } from '../../sites/host-key.ts'

/** How the admin vouches for a host's key. */
export interface Trust {
  /** What he said beforehand: `SHA256:...`. */
  readonly expected: string | undefined
  /** The host's name in its pool, where several hosts are spoken of; null: no other is. */
  readonly name: string | null
  /** Asks him yes or no; null: nobody is there to be asked. */
  readonly ask: ((question: string) => Promise<boolean>) | null
}

/**
 * The key as a line for the configuration, once the admin has vouched for it.
 * @throws CausewayError `HostKeyMismatch` where it is not the expected one; `InvalidRequest` where nobody vouches for it
 */
export async function trusted(
  { type, blob }: HostKey,
  address: string,
  { expected, name, ask }: Trust,
): Promise<string> {
  const shown = fingerprint(blob)
  const compare = `compare it with what this prints there: ssh-keygen -lf /etc/ssh/ssh_host_${type.replace(/^ssh-/, '')}_key.pub`
  if (expected !== undefined && expected !== shown) {
    throw new CausewayError('HostKeyMismatch', `${address} shows the key ${shown}, not ${expected}: ${compare}`, {
      facts: { expected, shown },
    })
  }
  if (expected === undefined) {
    const vouched =
      ask !== null && (await ask(`${address} shows the ${type} key ${shown}; ${compare}\nIs it the same?`))
    if (!vouched) {
      throw new CausewayError(
        'InvalidRequest',
        `nobody vouches for the key ${shown} of ${address}: ${compare}, then say --host-key ${name === null ? '' : `${name}=`}${shown}`,
      )
    }
  }
  return `${type} ${blob.toString('base64')}`
}
