import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { CausewayError } from '../../base/errors.ts'

/**
 * Looks whether indexes can be checked at all: better at the start than at the first node's first request.
 * @param keyrings absolute paths
 * @throws CausewayError `InvalidConfig` for a keyring that can't be read or is armoured; when gpgv, which is needed with
 *   any, can't be run
 */
export async function checkKeyrings(keyrings: readonly string[]): Promise<void> {
  if (keyrings.length === 0) return
  for (const keyring of new Set(keyrings)) await checkKeyring(keyring)
  try {
    await promisify(execFile)('gpgv', ['--version'])
  } catch (cause) {
    throw new CausewayError('InvalidConfig', "gpgv can't be run, which checks signatures: install it", { cause })
  }
}

async function checkKeyring(keyring: string): Promise<void> {
  const content = await readFile(keyring, 'latin1').catch((cause: Error) => {
    throw new CausewayError('InvalidConfig', `it can't be read: ${cause.message}`, { cause })
  })
  if (content.startsWith('-----BEGIN')) {
    const text = `${keyring} is armoured, which gpgv doesn't read: "gpg --dearmor" makes a binary one`
    throw new CausewayError('InvalidConfig', text)
  }
}
