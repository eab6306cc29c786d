import { spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CausewayError } from '../src/base/errors.ts'
import type { ExecOptions, ExecResult, Host } from '../src/base/host.ts'
import { checkArgv } from '../src/sites/argv.ts'
import { LocalHost } from '../src/sites/local-host.ts'
import { type Daemon, startDaemon } from './process.ts'
import { until } from './until.ts'

const initScript = fileURLToPath(new URL('host-init.sh', import.meta.url))

/** A folder of this machine that a lab host sees at a place of its own. */
export interface Bind {
  /** Absolute path on this machine, a folder. */
  readonly source: string
  /** Absolute path in the host; made if it is not there. */
  readonly target: string
  readonly writable: boolean
}

/** A file that a lab host has instead of this machine's. */
export interface HostFile {
  readonly content: string | Uint8Array
  /** Default 0o644. */
  readonly mode?: number
  /** Default root's. */
  readonly uid?: number
  readonly gid?: number
}

/** What a lab host is made of. */
export interface HostSpec {
  /** The host name. */
  readonly name: string
  /** A network namespace that `ip netns` knows, made before and wired by the caller. */
  readonly netns: string
  /** An empty folder below /run for the host's own files; must not lie on overlayfs. */
  readonly folder: string
  readonly binds?: readonly Bind[]
  /** Files below /etc, by absolute path. */
  readonly files?: Readonly<Record<string, HostFile>>
}

/** How a command is run on a lab host. */
export interface LabExecOptions extends ExecOptions {
  /** A user of the host's passwd file; root if absent. */
  readonly user?: string
  readonly env?: Readonly<Record<string, string>>
}

/** How a daemon is started on a lab host. */
export interface LabStartOptions {
  /** Absolute path in the host that takes stdout and stderr, appended. Default /var/log/causeway/PROGRAM.log. */
  readonly log?: string
  readonly user?: string
  readonly env?: Readonly<Record<string, string>>
}

/** A daemon on a lab host. Its end is visible in `exited`; it does not keep this process alive. */
export type LabProcess = Daemon

/**
 * A host of the lab: network, mount, UTS, IPC and PID namespaces on this machine, held by one bash that is PID 1 in
 * there. It shares this machine's programs and has its own /etc, /opt, /var (overlays: what it changes is gone with the
 * lab), /var/lib/causeway (kept over a power cut), and empty /home, /root, /run, /tmp.
 */
export class LabHost implements Host {
  readonly name: string
  readonly netns: string
  readonly #spec: HostSpec
  readonly #local: LocalHost
  #pid = 0

  constructor(spec: HostSpec) {
    this.name = spec.name
    this.netns = spec.netns
    this.#spec = spec
    this.#local = new LocalHost(spec.name)
  }

  /** The PID of the host's PID 1 as this machine sees it; 0 while it is off. */
  get pid(): number {
    return this.#pid
  }

  /**
   * Switches the host on; a no-op when it is on.
   * @throws CausewayError `CommandFailed` with what its init printed.
   */
  async powerOn(): Promise<void> {
    if (this.#pid !== 0) return
    const { folder, binds = [], files = {}, name, netns } = this.#spec
    mkdirSync(folder, { recursive: true })
    for (const [path, file] of Object.entries(files)) writeHostFile(folder, path, file)
    const child = spawn(
      'nsenter',
      [
        `--net=/run/netns/${netns}`,
        'unshare',
        '--mount',
        '--uts',
        '--ipc',
        '--pid',
        '--fork',
        '--kill-child=SIGKILL',
        '--propagation',
        'private',
        '/bin/bash',
        initScript,
        name,
        folder,
        ...binds.flatMap((bind) => [bind.source, bind.target, bind.writable ? 'rw' : 'ro']),
      ],
      { detached: true, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', env: environment() },
    )
    child.once('exit', () => {
      this.#pid = 0
    })
    this.#pid = await readiness(name, child)
    child.stdout.destroy()
    child.stderr.destroy()
    child.unref()
  }

  /** Takes on a host that an earlier process switched on, by the PID of its PID 1. */
  adopt(pid: number): void {
    this.#pid = pid
  }

  /** A power cut: every process of the host, its machines included, ends at once. */
  async powerOff(): Promise<void> {
    const pid = this.#pid
    if (pid === 0) return
    process.kill(pid, 'SIGKILL')
    await until(`${this.name} is off`, 120_000, () => !existsSync(`/proc/${pid}`))
    this.#pid = 0
  }

  async exec(argv: readonly string[], options: LabExecOptions = {}): Promise<ExecResult> {
    const [program] = checkArgv(argv)
    const env = Object.entries(environment(options.user, options.env)).map(([name, value]) => `${name}=${value}`)
    try {
      return await this.#local.exec(this.#enter(['env', '-i', ...env, ...argv], options.user), options)
    } catch (error) {
      if (!(error instanceof CausewayError) || error.code !== 'CommandTimeout') throw error
      const words = argv.join(' ').slice(0, 200)
      const facts = { host: this.name, program }
      throw new CausewayError(error.code, `${this.name}: "${words}" did not end in time`, { cause: error, facts })
    }
  }

  /**
   * Starts a program that keeps running (it must not put itself into the background).
   * @throws CausewayError `CommandFailed` with the end of its log when it ended at once.
   */
  async start(argv: readonly string[], options: LabStartOptions = {}): Promise<LabProcess> {
    const log = options.log ?? `/var/log/causeway/${argv[0]?.split('/').at(-1) ?? 'daemon'}.log`
    mkdirSync(dirname(this.path(log)), { recursive: true })
    return startDaemon(this.#enter(argv, options.user), {
      log: this.path(log),
      env: environment(options.user, options.env),
      name: `${this.name}: ${argv[0] ?? ''}`,
      wrapped: true,
    })
  }

  /** The command line and environment that run a command in the host at this process's terminal, in the user's home. */
  interactive(argv: readonly string[], user?: string): { argv: string[]; env: Record<string, string> } {
    const env = environment(user, { TERM: process.env['TERM'] ?? 'dumb' })
    return { argv: this.#enter(['env', `--chdir=${env['HOME'] ?? '/'}`, '--', ...argv], user), env }
  }

  /**
   * Where a file of the host lies as seen from this machine, while the host is on. A symlink in it with an absolute
   * target leads astray: it is followed on this machine.
   */
  path(inner: string): string {
    if (this.#pid === 0) throw new CausewayError('HostUnreachable', `${this.name} is switched off`)
    return join(`/proc/${this.#pid}/root`, inner)
  }

  /**
   * Writes a file of the host, folders included.
   * @throws Error where the host sees this machine's own files, as below /usr: mount something over the folder first.
   */
  write(inner: string, file: HostFile): void {
    let folder = dirname(this.path(inner))
    while (!existsSync(folder)) folder = dirname(folder)
    if (statSync(folder).dev === statSync('/').dev)
      throw new Error(`${this.name}: ${inner} would be this machine's own`)
    placeFile(this.path(inner), file)
  }

  read(inner: string): string {
    return readFileSync(this.path(inner), 'utf8')
  }

  /** As `Host.close`: ends what `exec` has under way and lets it do no more. The host and its daemons stay on. */
  async close(): Promise<void> {
    await this.#local.close()
  }

  #enter(argv: readonly string[], user?: string): string[] {
    if (this.#pid === 0) throw new CausewayError('HostUnreachable', `${this.name} is switched off`)
    const as = user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', '--']
    return ['nsenter', `--target=${this.#pid}`, '-n', '-u', '-m', '-i', '-p', '--', ...as, ...argv]
  }
}

/** What a command on a host finds in its environment: nothing of this process's own but the place of the cache. */
function environment(user = 'root', extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const cache = process.env['CAUSEWAY_CACHE']
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C',
    HOME: user === 'root' ? '/root' : `/home/${user}`,
    USER: user,
    LOGNAME: user,
    ...(cache === undefined ? {} : { CAUSEWAY_CACHE: cache }),
    ...extra,
  }
}

/** Resolves to the outer PID that the init prints when the host's file system stands. */
function readiness(name: string, child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (bytes: Buffer) => {
      said += bytes.toString()
    })
    child.stdout?.on('data', (bytes: Buffer) => {
      said += bytes.toString()
      const ready = /^ready (\d+)$/m.exec(said)
      if (ready) resolve(Number(ready[1]))
    })
    child.once('error', (cause) => reject(new CausewayError('CommandFailed', `${name}: ${cause.message}`, { cause })))
    child.once('close', () =>
      reject(new CausewayError('CommandFailed', `${name} did not come up: ${said.trim().slice(-2000)}`)),
    )
  })
}

/** Puts a file into the upper layer of the overlay that it belongs to, before the host is on. */
function writeHostFile(folder: string, path: string, file: HostFile): void {
  if (!path.startsWith('/etc/')) throw new CausewayError('Internal', `${path} is not below /etc`)
  placeFile(join(folder, path), file)
}

function placeFile(path: string, file: HostFile): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, file.content, { mode: file.mode ?? 0o644 })
  chmodSync(path, file.mode ?? 0o644)
  chownSync(path, file.uid ?? 0, file.gid ?? 0)
}
