import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SshTarget } from '../../src/sites/ssh-connection.ts'
import { freePort } from './free-port.ts'

/** A real sshd on loopback with keys of its own; it dies with the process that started it, however that ends. */
export interface TestSshd {
  readonly target: SshTarget
  /** Holds the keys: `client_ed25519`, and those of `hostKeys`. */
  readonly folder: string
  /** Kills the processes that serve the connections now open; sshd itself goes on. */
  breakConnections(): void
  /** How many connections are open. */
  connections(): number
  /** Stops listening and kills what is open. */
  stop(): Promise<void>
}

/**
 * Starts sshd with host keys of these names; a name ends in the key's type.
 * @param settings further lines for sshd_config
 */
export async function startSshd(
  hostKeys: readonly string[] = ['host_ed25519'],
  settings: readonly string[] = [],
): Promise<TestSshd> {
  const folder = mkdtempSync(join(tmpdir(), 'cwc-sshd-'))
  // Debian's sshd wants its privilege separation folder, which an init script would have made.
  mkdirSync('/run/sshd', { recursive: true })
  for (const name of ['client_ed25519', ...hostKeys]) makeKey(folder, name)
  const port = await freePort()
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    ...hostKeys.map((name) => `HostKey ${join(folder, name)}`),
    `AuthorizedKeysFile ${join(folder, 'client_ed25519.pub')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    'UseDNS no',
    'PidFile none',
    // Keeps bash from reading the .bashrc of whoever owns this machine for each command (see "shell_level" in bash).
    'SetEnv SHLVL=1',
    ...settings,
  ]
  writeFileSync(join(folder, 'sshd_config'), `${lines.join('\n')}\n`)
  const argv = ['--pdeathsig', 'KILL', '--', '/usr/sbin/sshd', '-D', '-e', '-f', join(folder, 'sshd_config')]
  const sshd = spawn('setpriv', argv, { stdio: 'ignore' })
  const exited = new Promise<void>((resolve) => sshd.on('exit', () => resolve()))
  await listening(port, sshd)
  const sessions = () => childrenOf(sshd.pid ?? 0)
  while (sessions().length > 0) await new Promise((resolve) => setTimeout(resolve, 5)) // the probe's own session ends

  const breakConnections = () => {
    for (const pid of sessions()) killIfAlive(pid)
  }
  return {
    folder,
    target: {
      name: 'ssh-test',
      address: '127.0.0.1',
      port,
      user: 'root',
      keyFile: join(folder, 'client_ed25519'),
      hostKey: readFileSync(join(folder, `${hostKeys[0]}.pub`), 'utf8'),
    },
    breakConnections,
    connections: () => sessions().length,
    stop: async () => {
      breakConnections()
      sshd.kill('SIGKILL')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Makes a key pair `NAME`, `NAME.pub`; the name ends in the key's type, as in `host_rsa`. */
export function makeKey(folder: string, name: string): string {
  const file = join(folder, name)
  execFileSync('ssh-keygen', ['-q', '-t', name.split('_').at(-1) ?? '', '-N', '', '-C', 'test', '-f', file])
  return file
}

async function listening(port: number, sshd: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; ) {
    if (sshd.exitCode !== null) break
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('data', () => (resolve(true), socket.destroy())).on('error', () => resolve(false))
      socket.on('close', () => resolve(false))
      setTimeout(() => socket.destroy(), 10_000).unref()
    })
    if (answered) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`sshd did not come up on port ${port}`)
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}
