import { readFile } from 'node:fs/promises'
import { Client } from 'ssh2'
import { CausewayError } from '../base/errors.ts'
import { fingerprint, hostKeyAlgorithms, parseHostKey } from './host-key.ts'

/** Where a host answers SSH, as whom to log in, and which key it must show. */
export interface SshTarget {
  /** For messages: the site's name, or `head`. */
  readonly name: string
  readonly address: string
  readonly port: number
  readonly user: string
  /** Path of a private key without passphrase. */
  readonly keyFile: string
  /** The host's public key: `ssh-ed25519 AAAA...`; no other key is accepted. */
  readonly hostKey: string
}

const connectTimeoutMs = 10_000
/** A silent peer is given up after three unanswered keepalives. */
const keepaliveMs = 5_000

/**
 * Opens an authenticated connection.
 * @throws CausewayError `HostKeyMismatch` (names both fingerprints), `Unauthorized`, `InvalidConfig` (unreadable host
 * key), `HostUnreachable`
 */
export async function connect(target: SshTarget): Promise<Client> {
  const pinned = parseHostKey(target.hostKey)
  const privateKey = await readKey(target)
  const facts = { host: target.name, address: target.address, port: target.port }
  const client = new Client()
  let shown: Buffer | null = null

  return await new Promise<Client>((resolve, reject) => {
    const failed = (cause: Error & { level?: string }) => {
      client.end()
      if (shown !== null && !shown.equals(pinned.blob)) {
        const [want, have] = [fingerprint(pinned.blob), fingerprint(shown)]
        return reject(
          new CausewayError('HostKeyMismatch', `${target.name}: its key is ${have}, but ${want} is pinned`, {
            cause,
            facts: { ...facts, pinned: want, shown: have },
          }),
        )
      }
      const code = cause.level === 'client-authentication' ? 'Unauthorized' : 'HostUnreachable'
      reject(new CausewayError(code, `${target.name}: ${cause.message}`, { cause, facts }))
    }
    client.on('error', failed)
    client.on('close', () => failed(new Error('the connection was closed before it was ready')))
    client.on('ready', () => {
      client.setNoDelay(true) // a command is a few small packets to and fro; none should wait for the one before
      resolve(client)
    })
    try {
      client.connect({
        host: target.address,
        port: target.port,
        username: target.user,
        privateKey,
        readyTimeout: connectTimeoutMs,
        keepaliveInterval: keepaliveMs,
        keepaliveCountMax: 3,
        algorithms: { serverHostKey: hostKeyAlgorithms(pinned.type) as [] },
        hostVerifier: (key: Buffer) => {
          shown = key
          return key.equals(pinned.blob)
        },
      })
    } catch (cause) {
      // ssh2 reads the private key here.
      reject(new CausewayError('Unauthorized', `${target.name}: ${target.keyFile} is no usable private key`, { cause }))
    }
  })
}

async function readKey(target: SshTarget): Promise<Buffer> {
  try {
    return await readFile(target.keyFile)
  } catch (cause) {
    throw new CausewayError('Unauthorized', `${target.name}: cannot read the private key ${target.keyFile}`, { cause })
  }
}
