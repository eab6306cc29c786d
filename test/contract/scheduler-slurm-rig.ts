import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import { nameServiceFiles } from '../../lab/accounts.ts'
import { cleanUp, diskName, labFolder } from '../../lab/clean-up.ts'
import { type Bind, LabHost, type LabProcess } from '../../lab/host.ts'
import { must } from '../../lab/process.ts'
import { type LabSlurm, type SlurmOptions, slurmConfPath, startMunged, startSlurm } from '../../lab/slurm.ts'
import { until } from '../../lab/until.ts'
import { systemClock } from '../../src/base/clock.ts'
import { execChecked } from '../../src/base/exec.ts'
import type { QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import type { Registration, Scheduler } from '../../src/elastic/scheduler.ts'
import { expandHostlist } from '../../src/hooks/hostlist.ts'
import { SlurmDynamicScheduler } from '../../src/hooks/schedulers/slurm/dynamic.ts'
import { SlurmScheduler } from '../../src/hooks/schedulers/slurm/scheduler.ts'
import { endSleep, secondsOf, untilQueue, wireHosts } from './rig-parts.ts'
import type { RigJob, SchedulerRig } from './scheduler-contract.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))

const addresses: Readonly<Record<string, string>> = {
  head: '10.231.6.1',
  'east-1': '10.231.6.11',
  'east-2': '10.231.6.12',
  'west-1': '10.231.6.21',
  'north-1': '10.231.6.31',
}
const nodeNames = ['east-1', 'east-2', 'west-1']
const size = { cpus: 2, memoryMiB: 500 }

const featureOf = (name: string) => `site-${name.split('-')[0]}`

export function registration(name: string): Registration {
  const address = addresses[name] ?? ''
  const site = name.split('-')[0] ?? ''
  const rank = site === 'east' ? 1 : 2
  return { name, address, site, type: 'standard', size: { ...size, gpus: 0 }, features: [featureOf(name)], rank }
}

/** A request of one of slurmctld's programs. */
interface Hook {
  readonly event: string
  readonly names: readonly string[]
  readonly body: {
    readonly nodes?: string
    readonly job?: string
    readonly resume?: { readonly jobs: readonly object[] }
  }
}

/** Whether nodes register themselves (if not, Slurm knows them as cloud nodes), and what else slurmctld is to do. */
export type RigOptions = Pick<SlurmOptions, 'dynamic' | 'oneSite' | 'jwt'>

/**
 * A real slurmctld on a lab host, real slurmds on light hosts beside it, the project's own hook scripts, and in the
 * controller's place a server that only notes what they say. What a crashed run has left is removed first.
 */
export class SlurmRig implements SchedulerRig {
  readonly scheduler: Scheduler
  readonly hooks: Hook[] = []
  /** How long the controller takes to answer slurmctld's programs, and so how long these run. At most 800 ms, see scripts/hooks/post-event. */
  answerMs = 0
  readonly head: LabHost
  readonly #lab: string
  readonly #options: RigOptions
  readonly #dynamic: boolean
  readonly #nodes: ReadonlyMap<string, LabHost>
  #slurm: LabSlurm | undefined
  #server: Server | undefined

  /**
   * @param name of the lab whose namespaces and files it has; runs with different names can go on side by side
   */
  static async open(name: string, options: RigOptions = {}): Promise<SlurmRig> {
    await cleanUp(name)
    const rig = new SlurmRig(name, options)
    try {
      await rig.#build()
      // As the controller does before anything: the first reading tells Slurm of the nodes that can be made.
      if (rig.#dynamic) await rig.scheduler.snapshot()
    } catch (error) {
      await rig.close()
      throw error
    }
    return rig
  }

  private constructor(lab: string, options: RigOptions) {
    this.#lab = lab
    this.#options = options
    this.#dynamic = options.dynamic ?? false
    const folder = labFolder(lab)
    const home: Bind = { source: `${folder}/disk/home`, target: '/home', writable: true }
    const ours: Bind = { source: repository, target: '/opt/causeway', writable: false }
    const hosts = Object.fromEntries(Object.entries(addresses).map(([host, address]) => [address, host]))
    const make = (host: string) =>
      new LabHost({
        name: host,
        netns: `cw-${lab}-${host}`,
        folder: `${folder}/disk/${host}`,
        binds: [home, ours],
        files: nameServiceFiles(hosts),
      })
    this.head = make('head')
    this.#nodes = new Map([...nodeNames, 'north-1'].map((host) => [host, make(host)]))
    const reached = { host: this.head, conf: slurmConfPath, clock: systemClock }
    this.scheduler = this.#dynamic
      ? new SlurmDynamicScheduler({ ...reached, possible: () => nodeNames.map(registration) })
      : new SlurmScheduler(reached)
  }

  get slurm(): LabSlurm {
    if (!this.#slurm) throw new Error('slurmctld was not started')
    return this.#slurm
  }

  async #build(): Promise<void> {
    const folder = labFolder(this.#lab)
    mkdirSync(`${folder}/disk`, { recursive: true })
    await must(['mount', '-t', 'tmpfs', '-o', 'mode=0755', diskName(this.#lab), `${folder}/disk`])
    mkdirSync(`${folder}/disk/home`, { mode: 0o1777 })
    chmodSync(`${folder}/disk/home`, 0o1777)
    await wireHosts(this.#lab, addresses)
    await this.head.powerOn()
    await this.#listen()
    this.#slurm = await startSlurm(this.head, {
      cluster: 'rig',
      ...this.#options,
      sites: [
        { name: 'east', order: 1, maximum: 2, ...size },
        { name: 'west', order: 2, maximum: 1, ...size },
      ],
      suspendTimeout: 1,
    })
  }

  async #listen(): Promise<void> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(parts).toString()) as Hook['body']
        this.hooks.push({ event: request.url?.split('/').at(-1) ?? '', names: expandHostlist(body.nodes ?? ''), body })
        setTimeout(() => response.writeHead(202).end(), this.answerMs)
      })
    })
    const folder = this.head.path('/run/causeway')
    mkdirSync(folder)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(`${folder}/causeway.sock`, resolve)
    })
    chmodSync(`${folder}/causeway.sock`, 0o666)
    this.#server = server
  }

  async submit(spec: RigJob): Promise<string> {
    const { nodes = 1, runMs = 1000, features = '', perNode = {}, exclusive = true } = spec
    return this.sbatch(
      ...(exclusive ? ['--exclusive'] : []),
      ...(features === '' ? [] : [`--constraint=${features}`]),
      ...(perNode.cpus === undefined ? [] : [`--mincpus=${perNode.cpus}`]),
      ...(perNode.memoryMiB === undefined ? [] : [`--mem=${perNode.memoryMiB}`]),
      `--nodes=${nodes}`,
      `--wrap=sleep ${secondsOf(runMs)}`,
    )
  }

  finish(): Promise<void> {
    return endSleep([...this.#nodes.values()])
  }

  /** Submits a job of alice's with these options and returns its id. */
  async sbatch(...options: string[]): Promise<string> {
    const argv = ['sbatch', '--parsable', '--output=/dev/null', '--chdir=/tmp', ...options]
    const { stdout, stderr, code } = await this.head.exec(argv, { user: 'alice' })
    if (code !== 0) throw new Error(`sbatch: ${stderr}`)
    return stdout.trim()
  }

  async machineUp(name: string): Promise<void> {
    const host = this.#host(name)
    // A node that was deleted has its machine until it gets a new one.
    if (this.#dynamic) await host.powerOff()
    await host.powerOn()
    await startMunged(host, this.slurm.mungeKey)
    await this.startSlurmd(name)
  }

  /** Starts the node's daemon on its machine. */
  async startSlurmd(name: string): Promise<LabProcess> {
    const conf = `CPUs=${size.cpus} RealMemory=${size.memoryMiB} Feature=${featureOf(name)}`
    // As scripts/slurm/role does: slurmd must be dynamic where slurm.conf does not name the node, and must not be where it does.
    const isNamed = !this.#dynamic && nodeNames.includes(name)
    const dynamic = !isNamed ? ['-Z', '--conf', conf] : []
    const server = `${addresses['head']}:6817`
    return this.#host(name).start(['slurmd', '-D', '-b', '-N', name, ...dynamic, '--conf-server', server])
  }

  async machineLost(name: string): Promise<void> {
    await this.#host(name).powerOff()
  }

  async machineReboots(name: string): Promise<void> {
    await this.machineLost(name)
    await this.machineUp(name)
  }

  async hold(job: string, who: 'user' | 'admin'): Promise<void> {
    const { code, stderr } = await this.head.exec(['scontrol', 'hold', job], who === 'user' ? { user: 'alice' } : {})
    if (code !== 0) throw new Error(`scontrol hold: ${stderr}`)
  }

  async adminRelease(job: string): Promise<void> {
    await this.#scontrol('release', job)
  }

  async adminDrain(name: string, reason: string): Promise<void> {
    await this.#scontrol('update', `nodename=${name}`, 'state=drain', `reason=${reason}`)
  }

  resumed(): readonly string[] {
    return this.hooks.filter((hook) => hook.event === 'resume').flatMap((hook) => hook.names)
  }

  until(what: string, holds: (queue: QueueSnapshot) => boolean): Promise<QueueSnapshot> {
    return untilQueue(this.scheduler, what, holds)
  }

  async whileAway(during: () => Promise<void>): Promise<void> {
    // Killed, slurmctld forgets dynamic nodes that registered in the last five seconds, and they do not register again.
    await this.slurm.slurmctld.kill(this.#dynamic ? 'SIGTERM' : 'SIGKILL')
    try {
      await during()
    } finally {
      await this.slurm.restart()
    }
  }

  /** slurmctld saves everything when it is told to end. */
  async checkpoint(): Promise<() => Promise<void>> {
    const state = this.head.path('/var/lib/slurm/slurmctld')
    await this.slurm.slurmctld.kill('SIGTERM')
    rmSync(`${state}.saved`, { recursive: true, force: true })
    await must(['cp', '-a', state, `${state}.saved`])
    await this.slurm.restart()
    return async () => {
      await this.slurm.slurmctld.kill('SIGKILL')
      rmSync(state, { recursive: true })
      await must(['cp', '-a', `${state}.saved`, state])
      await this.slurm.restart()
    }
  }

  async reset(): Promise<void> {
    this.answerMs = 0
    await this.head.exec(['scancel', '--user=alice'])
    await Promise.all([...this.#nodes.values()].map((host) => host.powerOff()))
    if (this.#dynamic) await this.#forgetNodes()
    else await this.#powerDownNodes()
    this.hooks.length = 0
  }

  async #powerDownNodes(): Promise<void> {
    this.hooks.length = 0
    const { nodes } = await this.scheduler.snapshot()
    const here = nodes.filter((node) => node.power === 'present' || node.power === 'wanted' || node.busy)
    for (const { name } of here) {
      await this.#scontrol('update', `nodename=${name}`, 'state=down', 'reason=reset')
      await this.#scontrol('update', `nodename=${name}`, 'state=power_down_force')
    }
    await until('all nodes are absent and all jobs ended', 120_000, async () => {
      const queue = await this.scheduler.snapshot()
      // One that was asked for, and not yet with ResumeProgram when Slurm saved its state, is asked for once more; see
      // docs/design/003-slurm-states.md.
      const again = queue.nodes.filter((node) => node.power === 'wanted' && this.resumed().includes(node.name))
      this.hooks.length = 0
      for (const { name } of again) await this.#scontrol('update', `nodename=${name}`, 'state=power_down_force')
      const absent = queue.nodes.every((node) => node.power === 'absent' && !node.busy)
      return absent && queue.jobs.every((job) => job.state === 'ended')
    })
    for (const name of nodeNames) await this.#scontrol('update', `nodename=${name}`, 'state=idle')
    const registered = nodes.filter((node) => !nodeNames.includes(node.name))
    for (const { name } of registered) await this.#scontrol('delete', `nodename=${name}`)
  }

  async #forgetNodes(): Promise<void> {
    const { nodes } = await this.scheduler.snapshot()
    for (const { name } of nodes) await this.#scontrol('update', `nodename=${name}`, 'state=down', 'reason=reset')
    await until('no node and no job is left', 120_000, async () => {
      const queue = await this.scheduler.snapshot()
      await this.scheduler.powerDown(queue.nodes.map((node) => node.name))
      return queue.nodes.length === 0 && queue.jobs.every((job) => job.state === 'ended')
    })
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections()
    this.#server?.close()
    await cleanUp(this.#lab)
  }

  async #scontrol(...argv: string[]): Promise<void> {
    await execChecked(this.head, ['scontrol', ...argv])
  }

  #host(name: string): LabHost {
    const host = this.#nodes.get(name)
    if (!host) throw new Error(`the rig has no node ${name}`)
    return host
  }
}
