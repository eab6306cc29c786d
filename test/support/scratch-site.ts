import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { execChecked } from '../../src/base/exec.ts'
import type { ExecOptions, ExecResult, Host } from '../../src/base/host.ts'
import { LocalHost } from '../../src/sites/local-host.ts'

/** Its PID 1: makes a few things its own, and lives as long as the process at the other end of its stdin. */
const init = `
set -e
read -r pid _ </proc/self/stat
mount -t tmpfs -o mode=755 tmpfs /mnt
mount -t tmpfs -o mode=755 tmpfs /run
mount -t sysfs sysfs /sys
mount -t proc proc /proc
ip link set lo up
echo "$pid"
while read -r _; do :; done
`

/**
 * A site host in namespaces of its own (net, mount, UTS, IPC, PID) that sees this machine's files, has an empty tmpfs
 * on /mnt and /run, and a bridge. All of it, machines included, is gone as soon as the test's process is, however that
 * ends.
 */
export class ScratchSite implements Host {
  readonly name = 'scratch'
  /** A bridge of the site. */
  readonly bridge = 'cw77'
  /** PID of the site's init, seen from this machine. */
  readonly pid: string
  readonly #init: ChildProcessWithoutNullStreams
  readonly #local = new LocalHost('scratch')

  private constructor(init: ChildProcessWithoutNullStreams, pid: string) {
    this.#init = init
    this.pid = pid
  }

  static async create(): Promise<ScratchSite> {
    const flags = ['-n', '-m', '-u', '-i', '-p', '--fork', '--kill-child=KILL', '--propagation', 'private']
    const child = spawn('unshare', [...flags, 'bash', '-c', init])
    child.stderr.on('data', (chunk: Buffer) => process.stderr.write(chunk))
    const lines = createInterface({ input: child.stdout })
    const [pid] = (await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [''])])) as [string]
    if (!/^\d+$/.test(pid)) throw new Error('the scratch site did not come up')
    const site = new ScratchSite(child, pid)
    await site.run(`ip link add ${site.bridge} type bridge`)
    await site.run(`ip link set ${site.bridge} up`)
    return site
  }

  exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return this.#local.exec(this.argv(...argv), options)
  }

  /** The argument vector that runs a program in here from outside. */
  argv(...argv: string[]): string[] {
    return ['nsenter', '-t', this.pid, '-n', '-m', '-u', '-i', '-p', '--', ...argv]
  }

  /** Runs a command of plain words that must succeed. */
  run(command: string): Promise<string> {
    return execChecked(this, command.split(' '))
  }

  async close(): Promise<void> {
    if (this.#init.exitCode !== null || this.#init.signalCode !== null) return
    const exited = once(this.#init, 'exit')
    this.#init.stdin.end()
    await exited
    await this.#local.close()
  }
}

/** Ports, folders below /mnt/machines, and processes that belong to machines at a scratch site. */
export async function machineRemains(site: ScratchSite): Promise<string[]> {
  const ports = await site.run('ip -o link show type veth')
  const files = await site.run('find /mnt -path /mnt/machines/*')
  const processes = await site.run('ps -eo args=')
  return [
    ...ports.split('\n'),
    ...files.split('\n').filter((path) => path !== '/mnt/machines/.locks'),
    ...processes.split('\n').filter((line) => /causeway-machine|\/run\/causeway\/init/.test(line)),
  ].filter((line) => line !== '')
}
