import { Client } from 'ssh2'
import { CausewayError } from '../base/errors.ts'
import { type HostKey, hostKeyAlgorithms } from './host-key.ts'

const timeoutMs = 10_000

/**
 * The public key that a host shows, an ed25519 one where it has one. Nothing is logged in to. Whoever asks must have it compared
 * with what the host's owner says before trusting it.
 * @throws CausewayError `HostUnreachable`
 */
export function scanHostKey(address: string, port: number): Promise<HostKey> {
  const client = new Client()
  return new Promise((resolve, reject) => {
    let shown: Buffer | null = null
    const over = (cause: Error) => {
      client.destroy()
      if (shown !== null) return resolve({ type: typeOf(shown), blob: shown })
      reject(
        new CausewayError('HostUnreachable', `${address} port ${port} shows no host key: ${cause.message}`, {
          cause,
          facts: { address, port },
        }),
      )
    }
    client.on('error', over)
    client.on('close', () => over(new Error('the connection was closed')))
    client.connect({
      host: address,
      port,
      username: 'causeway',
      readyTimeout: timeoutMs,
      algorithms: { serverHostKey: hostKeyAlgorithms('ssh-ed25519') as [] },
      hostVerifier: (key: Buffer) => {
        shown = key
        return false
      },
    })
  })
}

/** The type that stands at the beginning of a key in SSH's wire format (RFC 4253, section 6.6). */
function typeOf(blob: Buffer): string {
  return blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1')
}
