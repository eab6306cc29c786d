import { readFileSync } from 'node:fs'
import type { HostFile } from './host.ts'

/** The normal user who submits jobs; the same on the head and in the image. */
export const alice = { name: 'alice', uid: 2001, gid: 2001 } as const

/**
 * The files that make a host's own name service: this machine's accounts (its daemons' users come with their packages)
 * and alice, the given names, and no resolver that anything could wait for.
 * @param hosts host names by address
 */
export function nameServiceFiles(hosts: Readonly<Record<string, string>>): Record<string, HostFile> {
  const others = (file: string, column: number) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('alice:') && line.split(':')[column] !== String(alice.uid))
  const lines = (...all: string[]) => ({ content: `${all.join('\n')}\n` })
  return {
    '/etc/passwd': lines(...others('/etc/passwd', 2), `alice:x:${alice.uid}:${alice.gid}::/home/alice:/bin/bash`),
    '/etc/group': lines(...others('/etc/group', 2), `alice:x:${alice.gid}:`),
    '/etc/shadow': { ...lines('root:*:19000:0:99999:7:::', 'alice:*:19000:0:99999:7:::'), mode: 0o600 },
    '/etc/hosts': lines(
      '127.0.0.1 localhost',
      ...Object.entries(hosts).map(([address, names]) => `${address} ${names}`),
    ),
    '/etc/nsswitch.conf': lines(...['passwd', 'group', 'shadow', 'hosts'].map((map) => `${map}: files`)),
    '/etc/resolv.conf': lines('# names are in /etc/hosts'),
  }
}
