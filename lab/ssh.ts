import { readFileSync } from 'node:fs'
import type { LabHost, LabProcess } from './host.ts'
import { must } from './process.ts'
import { until } from './until.ts'

/** An SSH key pair. */
export interface SshKey {
  /** In OpenSSH's own format. */
  readonly privateKey: string
  /** `ssh-ed25519 AAAA...` without a comment. */
  readonly publicKey: string
}

/** Makes a key pair; `file` is where it is left. */
export async function makeSshKey(file: string): Promise<SshKey> {
  await must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file])
  return { privateKey: readFileSync(file, 'utf8'), publicKey: readFileSync(`${file}.pub`, 'utf8').trim() }
}

/** Where a host has its private key. */
export const hostKeyPath = '/etc/ssh/lab_host_key'

/** Where a host has the configuration of its sshd. */
export const sshdConfigPath = '/etc/ssh/lab_sshd_config'

/**
 * Gives a host what its sshd needs: root by key only, port 22, OpenSSH's default limits.
 * @param authorized public keys that may log in as root
 */
export function configureSshd(host: LabHost, hostKey: SshKey, authorized: readonly string[]): void {
  host.write(hostKeyPath, { content: hostKey.privateKey, mode: 0o600 })
  host.write('/etc/ssh/lab_authorized_keys', { content: `${authorized.join('\n')}\n` })
  host.write(sshdConfigPath, {
    content: [
      'Port 22',
      `HostKey ${hostKeyPath}`,
      'AuthorizedKeysFile /etc/ssh/lab_authorized_keys',
      'AuthenticationMethods publickey',
      'PermitRootLogin prohibit-password',
      'UsePAM no',
      'UseDNS no',
      'PidFile none',
      '',
    ].join('\n'),
  })
}

/** Starts a host's own sshd on port 22 of all its addresses; as `configureSshd`. */
export async function startSshd(host: LabHost, hostKey: SshKey, authorized: readonly string[]): Promise<LabProcess> {
  configureSshd(host, hostKey, authorized)
  const sshd = await host.start(['/usr/sbin/sshd', '-D', '-e', '-f', sshdConfigPath])
  await listening(host, 22)
  return sshd
}

/** Whether something on the host listens on a TCP port. */
export async function listens(host: LabHost, port: number): Promise<boolean> {
  return (await host.exec(['ss', '-Hltn', `sport = :${port}`])).stdout.trim() !== ''
}

/** Resolves when something on the host listens on a TCP port. */
export async function listening(host: LabHost, port: number): Promise<void> {
  await until(`${host.name} listens on port ${port}`, 120_000, () => listens(host, port))
}
