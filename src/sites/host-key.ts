import { createHash } from 'node:crypto'
import { CausewayError } from '../base/errors.ts'

/** A host's public key, as pinned in the configuration. */
export interface HostKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`, ... */
  readonly type: string
  /** The key in SSH's wire format (RFC 4253, section 6.6). */
  readonly blob: Buffer
}

/**
 * Reads a public key line such as `ssh-ed25519 AAAA... comment`, the form of `/etc/ssh/ssh_host_*_key.pub`.
 * @throws CausewayError `InvalidConfig`
 */
export function parseHostKey(line: string): HostKey {
  const [type = '', base64 = ''] = line.trim().split(/\s+/)
  const blob = Buffer.from(base64, 'base64')
  // The blob opens with its own type as a length-prefixed string; a cut or mixed-up key does not.
  const named = blob.length > 4 ? blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1') : ''
  if (!type || named !== type) {
    throw new CausewayError(
      'InvalidConfig',
      `"${line.slice(0, 40)}" is not a public host key like "ssh-ed25519 AAAA..."`,
    )
  }
  return { type, blob }
}

/** The fingerprint as `ssh-keygen -l` prints it: `SHA256:` and unpadded base64. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

/**
 * The host key algorithms to offer, those of the pinned key first, so that a host with several keys shows the pinned
 * one. The others stay on offer: a host that has only those is then refused with its fingerprint, not with a riddle.
 */
export function hostKeyAlgorithms(type: string): string[] {
  const known = [
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-512',
    'rsa-sha2-256',
  ]
  const first = type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : known.filter((name) => name === type)
  return [...first, ...known.filter((name) => !first.includes(name))]
}
