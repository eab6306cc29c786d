import { chmodSync, mkdirSync } from 'node:fs'
import { nameServiceFiles } from '../../lab/accounts.ts'
import { cleanUp, diskName, labFolder } from '../../lab/clean-up.ts'
import { type Bind, LabHost, type LabProcess } from '../../lab/host.ts'
import { must } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'
import { systemClock } from '../../src/base/clock.ts'
import { execChecked } from '../../src/base/exec.ts'
import type { QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import { TorqueScheduler } from '../../src/hooks/schedulers/torque/scheduler.ts'
import { endSleep, secondsOf, untilQueue, wireHosts } from './rig-parts.ts'
import type { RigJob, SchedulerRig } from './scheduler-contract.ts'

const placeholder = 'causeway-placeholder'
const addresses: Readonly<Record<string, string>> = {
  head: '10.231.8.1',
  'east-1': '10.231.8.11',
  'east-2': '10.231.8.12',
  'west-1': '10.231.8.21',
  [placeholder]: '10.231.8.254',
}
const nodeNames = ['east-1', 'east-2', 'west-1']

/**
 * The Torque that is installed on this machine (`TORQUE_PREFIX`, `TORQUE_HOME`): pbs_server and pbs_sched on a lab host, pbs_moms on
 * light hosts beside it. Each sees the installed files and changes only a copy of its own. What a crashed run has left is
 * removed first.
 *
 * Not run yet: no Torque could be installed where this was written.
 */
export class RealTorqueRig implements SchedulerRig {
  readonly scheduler: TorqueScheduler
  readonly head: LabHost
  readonly #lab: string
  readonly #prefix: string
  readonly #home: string
  readonly #nodes: ReadonlyMap<string, LabHost>
  #server: LabProcess | undefined

  static async open(lab: string, prefix: string, home: string): Promise<RealTorqueRig> {
    await cleanUp(lab)
    const rig = new RealTorqueRig(lab, prefix, home)
    try {
      await rig.#build()
    } catch (error) {
      await rig.close()
      throw error
    }
    return rig
  }

  private constructor(lab: string, prefix: string, home: string) {
    this.#lab = lab
    this.#prefix = prefix
    this.#home = home
    const folder = labFolder(lab)
    const users: Bind = { source: `${folder}/disk/home`, target: '/home', writable: true }
    const names = Object.fromEntries(Object.entries(addresses).map(([host, address]) => [address, host]))
    const make = (host: string) =>
      new LabHost({
        name: host,
        netns: `cw-${lab}-${host}`,
        folder: `${folder}/disk/${host}`,
        binds: [users],
        files: nameServiceFiles(names),
      })
    this.head = make('head')
    this.#nodes = new Map(nodeNames.map((host) => [host, make(host)]))
    this.scheduler = new TorqueScheduler({ host: this.head, prefix, placeholder, clock: systemClock })
  }

  async #build(): Promise<void> {
    const folder = labFolder(this.#lab)
    mkdirSync(`${folder}/disk`, { recursive: true })
    await must(['mount', '-t', 'tmpfs', '-o', 'mode=0755', diskName(this.#lab), `${folder}/disk`])
    mkdirSync(`${folder}/disk/home/alice`, { recursive: true })
    chmodSync(`${folder}/disk/home/alice`, 0o1777)
    // The placeholder has a name and an address, and no host.
    const { [placeholder]: _, ...hosts } = addresses
    await wireHosts(this.#lab, hosts)
    await this.head.powerOn()
    await this.head.exec(['rm', '-rf', `${this.#home}/server_priv/nodes`])
    this.head.write(`${this.#home}/server_name`, { content: 'head\n' })
    await this.head.start([`${this.#prefix}/sbin/trqauthd`, '-D'])
    await this.#startServer('create')
    const settings = [
      'create queue batch queue_type = execution',
      'set queue batch enabled = true',
      'set queue batch started = true',
      'set queue batch resources_default.nodes = 1',
      'set server default_queue = batch',
      'set server managers = root@head',
      'set server operators = root@head',
      'set server scheduling = true',
      'set server scheduler_iteration = 2',
      'set server node_check_rate = 30',
      'set server tcp_timeout = 10',
      'set server keep_completed = 600',
      'set server auto_node_np = false',
    ]
    await execChecked(this.head, [`${this.#prefix}/bin/qmgr`], { stdin: `${settings.join('\n')}\n` })
    await execChecked(this.head, [`${this.#prefix}/sbin/pbs_sched`])
    await this.scheduler.snapshot()
  }

  /** @param type `create` begins with an empty server, `hot` goes on with what was saved */
  async #startServer(type: 'create' | 'hot'): Promise<void> {
    // -D: stays in the foreground; -f: no question before an old server's files are replaced.
    const argv = [`${this.#prefix}/sbin/pbs_server`, '-D', '-f', '-t', type, '-d', this.#home]
    this.#server = await this.head.start(argv)
    const ask = async () => (await this.head.exec([`${this.#prefix}/bin/qstat`, '-B'])).code === 0
    await until('pbs_server answers', 120_000, ask)
  }

  async submit({ nodes = 1, runMs = 1000, features = '', perNode = {}, exclusive = true }: RigJob): Promise<string> {
    const words = [String(nodes), `ppn=${perNode.cpus ?? 1}`, ...features.split('&').filter(Boolean)]
    const access = exclusive ? ['-n'] : []
    const argv = ['qsub', '-N', 'job', '-j', 'oe', '-o', '/dev/null', '-l', `nodes=${words.join(':')}`, ...access]
    const said = await this.#command(argv, { user: 'alice', stdin: `#!/bin/sh\nsleep ${secondsOf(runMs)}\n` })
    return said.trim().replace(/\..*/, '')
  }

  finish(): Promise<void> {
    return endSleep([...this.#nodes.values()])
  }

  async machineUp(name: string): Promise<void> {
    const site = name.split('-')[0] ?? ''
    const size = { cpus: 2, memoryMiB: 500, gpus: 0 }
    const address = addresses[name] ?? ''
    await this.scheduler.register([{ name, address, site, type: 'small', size, features: [`site-${site}`], rank: 1 }])
    await this.#boot(name)
  }

  async machineLost(name: string): Promise<void> {
    await this.#host(name).powerOff()
  }

  async machineReboots(name: string): Promise<void> {
    await this.machineLost(name)
    await this.#boot(name)
  }

  async #boot(name: string): Promise<void> {
    const host = this.#host(name)
    await host.powerOn()
    host.write(`${this.#home}/server_name`, { content: 'head\n' })
    host.write(`${this.#home}/mom_priv/config`, { content: '$pbsserver head\n$status_update_time 5\n' })
    await execChecked(host, [`${this.#prefix}/sbin/pbs_mom`, '-d', this.#home])
  }

  async adminDrain(name: string, reason: string): Promise<void> {
    await this.#command(['pbsnodes', '-o', '-N', reason, name])
  }

  async hold(job: string, who: 'user' | 'admin'): Promise<void> {
    if (who === 'user') await this.#command(['qhold', job], { user: 'alice' })
    else await this.#command(['qhold', '-h', 's', job])
  }

  async adminRelease(job: string): Promise<void> {
    await this.#command(['qrls', '-h', 'uos', job])
  }

  resumed(): readonly string[] {
    return []
  }

  until(what: string, holds: (queue: QueueSnapshot) => boolean): Promise<QueueSnapshot> {
    return untilQueue(this.scheduler, what, holds)
  }

  async whileAway(during: () => Promise<void>): Promise<void> {
    await this.#server?.kill('SIGKILL')
    try {
      await during()
    } finally {
      await this.#startServer('hot')
    }
  }

  async checkpoint(): Promise<() => Promise<void>> {
    const state = `${this.#home}/server_priv`
    await this.#server?.kill('SIGTERM')
    await execChecked(this.head, ['rm', '-rf', `${state}.saved`])
    await execChecked(this.head, ['cp', '-a', state, `${state}.saved`])
    await this.#startServer('hot')
    return async () => {
      await this.#server?.kill('SIGKILL')
      await execChecked(this.head, ['rm', '-rf', state])
      await execChecked(this.head, ['cp', '-a', `${state}.saved`, state])
      await this.#startServer('hot')
    }
  }

  async reset(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((host) => host.powerOff()))
    const { jobs, nodes } = await this.scheduler.snapshot()
    const left = jobs.filter((job) => job.state !== 'ended').map((job) => job.id)
    if (left.length > 0) await this.head.exec([`${this.#prefix}/bin/qdel`, '-p', ...left])
    await this.scheduler.powerDown(nodes.map((node) => node.name))
    await this.until('nothing is left', (queue) => {
      return queue.nodes.length === 0 && queue.jobs.every((job) => job.state === 'ended')
    })
  }

  async close(): Promise<void> {
    await cleanUp(this.#lab)
  }

  async #command(argv: readonly string[], options: { user?: string; stdin?: string } = {}): Promise<string> {
    const [name = '', ...args] = argv
    const { code, stdout, stderr } = await this.head.exec([`${this.#prefix}/bin/${name}`, ...args], options)
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
    return stdout
  }

  #host(name: string): LabHost {
    const host = this.#nodes.get(name)
    if (!host) throw new Error(`the rig has no node ${name}`)
    return host
  }
}
