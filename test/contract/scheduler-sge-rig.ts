import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { nameServiceFiles } from '../../lab/accounts.ts'
import { cleanUp, diskName, labFolder } from '../../lab/clean-up.ts'
import { type Bind, LabHost } from '../../lab/host.ts'
import { must } from '../../lab/process.ts'
import { type LabSge, sgeCell, sgeEnv, sgeExecdPort, sgePort, sgeRoot, startExecd, startSge } from '../../lab/sge.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import { SgeScheduler } from '../../src/hooks/schedulers/sge/scheduler.ts'
import { endSleep, secondsOf, untilQueue, wireHosts } from './rig-parts.ts'
import type { RigJob, SchedulerRig } from './scheduler-contract.ts'

const addresses: Readonly<Record<string, string>> = {
  head: '10.231.7.1',
  'east-1': '10.231.7.11',
  'east-2': '10.231.7.12',
  'west-1': '10.231.7.21',
}
const nodeNames = ['east-1', 'east-2', 'west-1']

/** A real sge_qmaster on a lab host and real sge_execds on light hosts beside it. What a crashed run has left is removed first. */
export class SgeRig implements SchedulerRig {
  readonly scheduler: SgeScheduler
  readonly head: LabHost
  readonly #lab: string
  readonly nodes: ReadonlyMap<string, LabHost>
  #sge: LabSge | undefined

  /** @param name of the lab whose namespaces and files it has; runs with different names can go on side by side */
  static async open(name: string): Promise<SgeRig> {
    await cleanUp(name)
    const rig = new SgeRig(name)
    try {
      await rig.#build()
    } catch (error) {
      await rig.close()
      throw error
    }
    return rig
  }

  private constructor(lab: string) {
    this.#lab = lab
    const folder = labFolder(lab)
    const home: Bind = { source: `${folder}/disk/home`, target: '/home', writable: true }
    const hosts = Object.fromEntries(Object.entries(addresses).map(([host, address]) => [address, host]))
    const make = (host: string) =>
      new LabHost({
        name: host,
        netns: `cw-${lab}-${host}`,
        folder: `${folder}/disk/${host}`,
        binds: [home],
        files: nameServiceFiles(hosts),
      })
    this.head = make('head')
    this.nodes = new Map(nodeNames.map((host) => [host, make(host)]))
    this.scheduler = this.newScheduler()
  }

  /** An adapter that knows nothing yet, as after a start of the controller. */
  newScheduler(): SgeScheduler {
    return new SgeScheduler({
      host: this.head,
      clock: systemClock,
      root: sgeRoot,
      cell: sgeCell,
      port: sgePort,
      execdPort: sgeExecdPort,
      queue: 'all.q',
      hostGroup: '@elastic',
      parallel: ['mpi'],
    })
  }

  get sge(): LabSge {
    if (!this.#sge) throw new Error('sge_qmaster was not started')
    return this.#sge
  }

  async #build(): Promise<void> {
    const folder = labFolder(this.#lab)
    mkdirSync(`${folder}/disk`, { recursive: true })
    await must(['mount', '-t', 'tmpfs', '-o', 'mode=0755', diskName(this.#lab), `${folder}/disk`])
    mkdirSync(`${folder}/disk/home`, { mode: 0o1777 })
    chmodSync(`${folder}/disk/home`, 0o1777)
    await wireHosts(this.#lab, addresses)
    await this.head.powerOn()
    this.#sge = await startSge(this.head, { maxUnheard: 15 })
  }

  async submit(spec: RigJob): Promise<string> {
    const { nodes = 1, runMs = 1000, features = '', perNode = {}, exclusive = true } = spec
    const cpus = perNode.cpus ?? 1
    const site = /^site-(.*)$/.exec(features)?.[1]
    return this.qsub([
      // Two slots of each host are a whole node.
      ...(nodes > 1 ? ['-pe', 'pernode', String(2 * nodes)] : cpus > 1 ? ['-pe', 'smp', String(cpus)] : []),
      ...(exclusive ? ['-l', 'exclusive'] : []),
      ...(site === undefined ? [] : ['-l', `site=${site}`]),
      '-b',
      'y',
      'sleep',
      String(secondsOf(runMs)),
    ])
  }

  /** Submits a job of alice's with these arguments and returns its number. */
  async qsub(argv: readonly string[]): Promise<string> {
    await this.scheduler.snapshot()
    const common = ['qsub', '-terse', '-o', '/dev/null', '-j', 'y', '-wd', '/tmp']
    const said = await this.sge.command([...common, ...argv], { user: 'alice' })
    return said.trim().split('.')[0] ?? ''
  }

  finish(): Promise<void> {
    return endSleep([...this.nodes.values()])
  }

  async machineUp(name: string): Promise<void> {
    const site = name.split('-')[0] ?? ''
    const size = { cpus: 2, memoryMiB: 500, gpus: 0 }
    const address = addresses[name] ?? ''
    await this.scheduler.register([
      { name, address, site, type: 'small', size, features: [`site-${site}`, 'type-small'], rank: 1 },
    ])
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
    await this.#host(name).powerOn()
    await startExecd(this.#host(name), 'head')
  }

  async hold(job: string, who: 'user' | 'admin'): Promise<void> {
    if (who === 'user') await this.sge.command(['qhold', job], { user: 'alice' })
    else await this.sge.command(['qhold', '-h', 's', job])
  }

  async adminRelease(job: string): Promise<void> {
    await this.sge.command(['qrls', '-h', 'uos', job])
  }

  async adminDrain(name: string, reason: string): Promise<void> {
    const value = `drain_reason=${reason.replaceAll(' ', '%20')}`
    await this.sge.command(['qconf', '-mattr', 'exechost', 'complex_values', value, name])
    await this.sge.command(['qmod', '-d', `all.q@${name}`])
  }

  resumed(): readonly string[] {
    return []
  }

  until(what: string, holds: (queue: QueueSnapshot) => boolean): Promise<QueueSnapshot> {
    return untilQueue(this.scheduler, what, holds)
  }

  async whileAway(during: () => Promise<void>): Promise<void> {
    await this.sge.kill('SIGKILL')
    try {
      await during()
    } finally {
      await this.sge.restart()
    }
  }

  /** sge_qmaster has everything on its disk; it is stopped so that the copy is of one moment. */
  async checkpoint(): Promise<() => Promise<void>> {
    const state = this.head.path(`${sgeRoot}/spool`)
    await this.sge.kill('SIGTERM')
    rmSync(`${state}.saved`, { recursive: true, force: true })
    await must(['cp', '-a', state, `${state}.saved`])
    await this.sge.restart()
    return async () => {
      await this.sge.kill('SIGKILL')
      rmSync(state, { recursive: true })
      await must(['cp', '-a', `${state}.saved`, state])
      await this.sge.restart()
    }
  }

  async reset(): Promise<void> {
    await this.head.exec(['qdel', '-f', '-u', 'alice'], { env: sgeEnv })
    await Promise.all([...this.nodes.values()].map((host) => host.powerOff()))
    await this.scheduler.fail(nodeNames, 'reset')
    await this.until('no node is there and all jobs have ended', (queue) => {
      return queue.nodes.length === 0 && queue.jobs.every((job) => job.state === 'ended')
    })
  }

  async close(): Promise<void> {
    await cleanUp(this.#lab)
  }

  #host(name: string): LabHost {
    const host = this.nodes.get(name)
    if (!host) throw new Error(`the rig has no node ${name}`)
    return host
  }
}
