import { execChecked } from '../../src/base/exec.ts'
import type { ExecOptions, ExecResult, Host } from '../../src/base/host.ts'
import { LocalHost } from '../../src/sites/local-host.ts'

const machine = new LocalHost()
let made = 0

/** A network namespace of this machine as a host. What a crashed run left is removed by the next one. */
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
    await execChecked(machine, ['ip', 'netns', 'add', host.netns])
    await host.run('ip link set lo up')
    return host
  }

  exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return machine.exec(['ip', 'netns', 'exec', this.netns, 'env', 'LC_ALL=C', ...argv], options)
  }

  /** Runs a command of plain words that must succeed. */
  run(command: string, stdin = ''): Promise<string> {
    return execChecked(this, command.split(' '), { stdin })
  }

  /** The argument vector that runs a program in here from outside. */
  argv(...argv: string[]): string[] {
    return ['ip', 'netns', 'exec', this.netns, ...argv]
  }

  async close(): Promise<void> {
    await machine.exec(['ip', 'netns', 'del', this.netns])
  }
}

let swept: Promise<void> | undefined

/** Removes the namespaces whose test process is gone. */
function sweep(): Promise<void> {
  swept ??= (async () => {
    const listed = await execChecked(machine, ['ip', 'netns', 'list'])
    for (const line of listed.split('\n')) {
      const [, netns, pid] = /^(cwb-(\d+)-\d+)/.exec(line) ?? []
      if (netns !== undefined && !isAlive(Number(pid))) await machine.exec(['ip', 'netns', 'del', netns])
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
