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

/**
 * Starts a host's own sshd on port 22 of all its addresses: root by key only, with OpenSSH's default limits.
 * @param authorized public keys that may log in as root
 */
export async function startSshd(host: LabHost, hostKey: SshKey, authorized: readonly string[]): Promise<LabProcess> {
  host.write('/etc/ssh/lab_host_key', { content: hostKey.privateKey, mode: 0o600 })
  host.write('/etc/ssh/lab_authorized_keys', { content: `${authorized.join('\n')}\n` })
  host.write('/etc/ssh/lab_sshd_config', {
    content: [
      'Port 22',
      'HostKey /etc/ssh/lab_host_key',
      'AuthorizedKeysFile /etc/ssh/lab_authorized_keys',
      'AuthenticationMethods publickey',
      'PermitRootLogin prohibit-password',
      'UsePAM no',
      'UseDNS no',
      'PidFile none',
      '',
    ].join('\n'),
  })
  const sshd = await host.start(['/usr/sbin/sshd', '-D', '-e', '-f', '/etc/ssh/lab_sshd_config'])
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
