import { mkdirSync, rmSync } from 'node:fs'
import { execChecked } from '../../src/base/exec.ts'
import type { ExecOptions, ExecResult, Host } from '../../src/base/host.ts'
import { LocalHost } from '../../src/sites/local-host.ts'

const machine = new LocalHost()
let made = 0

/** What each host has for itself: keys, scripts and control sockets have the same names on every gateway. */
const ownFolders = ['/var/lib/causeway', '/run/wireguard', '/run/frr']

/** `ip netns exec` gives each command a mount namespace; this lays the host's own folders into it. */
const lay = 'set -e; own=$1; shift; for f in $own; do mount --bind "/tmp/$0$f" "$f"; done; exec "$@"'

/**
 * A network namespace of this machine as a host, with some folders of its own. What a crashed run left is removed by the
 * next one.
 */
export class NetnsHost implements Host {
  readonly name: string
  readonly netns: string

  private constructor(name: string, netns: string) {
    this.name = name
    this.netns = netns
  }

  static async create(name: string): Promise<NetnsHost> {
    await sweep()
    const host = new NetnsHost(name, `cwb-${process.pid}-${++made}`)
    for (const folder of ownFolders) {
      mkdirSync(folder, { recursive: true })
      mkdirSync(`/tmp/${host.netns}${folder}`, { recursive: true })
    }
    await execChecked(machine, ['ip', 'netns', 'add', host.netns])
    await host.run('ip link set lo up')
    return host
  }

  exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return machine.exec(this.argv(...argv), options)
  }

  /** Runs a command of plain words that must succeed. */
  run(command: string, stdin = ''): Promise<string> {
    return execChecked(this, command.split(' '), { stdin })
  }

  /** The argument vector that runs a program in here from outside. */
  argv(...argv: string[]): string[] {
    const laid = ['sh', '-c', lay, this.netns, ownFolders.join(' ')]
    return ['ip', 'netns', 'exec', this.netns, ...laid, 'env', 'LC_ALL=C', ...argv]
  }

  async close(): Promise<void> {
    await remove(this.netns)
  }
}

/** Ends what still runs in a namespace, and removes it. */
async function remove(netns: string): Promise<void> {
  const { stdout } = await machine.exec(['ip', 'netns', 'pids', netns])
  const pids = stdout.split('\n').filter((pid) => pid !== '')
  if (pids.length > 0) await machine.exec(['kill', '-KILL', ...pids])
  await machine.exec(['ip', 'netns', 'del', netns])
  rmSync(`/tmp/${netns}`, { recursive: true, force: true })
}

let swept: Promise<void> | undefined

/** Removes the namespaces whose test process is gone. */
function sweep(): Promise<void> {
  swept ??= (async () => {
    const listed = await execChecked(machine, ['ip', 'netns', 'list'])
    for (const line of listed.split('\n')) {
      const [, netns, pid] = /^(cwb-(\d+)-\d+)/.exec(line) ?? []
      if (netns !== undefined && !isAlive(Number(pid))) await remove(netns)
    }
  })()
  return swept
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
