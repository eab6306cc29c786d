import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Host } from '../../src/base/host.ts'
import type { QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import type { Scheduler } from '../../src/elastic/scheduler.ts'
import { TorqueScheduler } from '../../src/hooks/schedulers/torque/scheduler.ts'
import { LocalHost } from '../../src/sites/local-host.ts'
import { FakeTorque, type FakeTorqueTimes } from '../fakes/torque/cluster.ts'
import { clockOf, FakeTorqueHost } from '../fakes/torque/host.ts'
import { idOf } from '../fakes/torque/model.ts'
import { commandProgram, serveTorque } from '../fakes/torque/server.ts'
import { secondsOf } from './rig-parts.ts'
import type { RigJob, SchedulerRig } from './scheduler-contract.ts'

/** How a rig gets at the commands of a fake Torque. */
export interface TorqueReach {
  readonly host: Host
  /** The folder with `bin/qstat` and the rest. */
  readonly prefix: string
  close(): Promise<void>
}

/** Without processes: the commands are functions. */
export function reachDirectly(torque: FakeTorque): TorqueReach {
  return { host: new FakeTorqueHost(torque), prefix: '/opt/torque', close: async () => undefined }
}

/** As programs that a host runs, which act on the fake over a socket. */
export async function reachByPrograms(torque: FakeTorque): Promise<TorqueReach> {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-torque-'))
  const socket = join(folder, 'torque.sock')
  const server = await serveTorque(torque, socket)
  const host = new LocalHost('head')
  // The host's commands have this process's environment.
  Object.assign(process.env, {
    FAKE_TORQUE_SOCKET: socket,
    FAKE_TORQUE_NODE: process.execPath,
    FAKE_TORQUE_COMMAND: commandProgram,
  })
  return {
    host,
    prefix: fileURLToPath(new URL('../fakes/torque', import.meta.url)),
    async close() {
      await host.close()
      server.closeAllConnections()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Torque as the fake plays it, on virtual time, behind the real adapter. */
export class FakeTorqueRig implements SchedulerRig {
  readonly scheduler: Scheduler
  readonly #reach: TorqueReach
  #torque: FakeTorque

  private constructor(torque: FakeTorque, reach: TorqueReach, scheduler: Scheduler) {
    this.#torque = torque
    this.#reach = reach
    this.scheduler = scheduler
  }

  static async open(
    connect: (torque: FakeTorque) => TorqueReach | Promise<TorqueReach>,
    times: Partial<FakeTorqueTimes> = {},
  ): Promise<FakeTorqueRig> {
    const torque = new FakeTorque({ times })
    const reach = await connect(torque)
    const { host, prefix } = reach
    const scheduler = new TorqueScheduler({ host, prefix, placeholder: 'placeholder', clock: clockOf(torque) })
    // The controller has run once: it lets jobs in that are larger than the cluster.
    await scheduler.snapshot()
    return new FakeTorqueRig(torque, reach, scheduler)
  }

  async submit({ nodes = 1, runMs = 1000, features = '', perNode = {}, exclusive = true }: RigJob): Promise<string> {
    const words = [String(nodes), `ppn=${perNode.cpus ?? 1}`, ...features.split('&').filter(Boolean)]
    const argv = ['qsub', '-N', 'job', '-l', `nodes=${words.join(':')}`, ...(exclusive ? ['-n'] : [])]
    const { stdout } = await this.#run(argv, `#!/bin/sh\nsleep ${secondsOf(runMs, 15)}\n`)
    return stdout.trim().replace(/\..*/, '')
  }

  /** Time passes only while something is waited for. */
  async finish(): Promise<void> {}

  /** As Causeway does it: the node is registered first. */
  async machineUp(name: string): Promise<void> {
    const site = name.startsWith('east') ? 'east' : 'west'
    const size = { cpus: 2, memoryMiB: 500, gpus: 0 }
    await this.scheduler.register([
      { name, address: '10.77.1.1', site, type: 'small', size, features: [`site-${site}`], rank: 1 },
    ])
    this.#torque.momUp(name)
  }

  async machineLost(name: string): Promise<void> {
    this.#torque.momLost(name)
  }

  async machineReboots(name: string): Promise<void> {
    this.#torque.momLost(name)
    this.#torque.momUp(name)
  }

  async adminDrain(name: string, reason: string): Promise<void> {
    await this.#run(['pbsnodes', '-o', '-N', reason, name])
  }

  async hold(job: string, who: 'user' | 'admin'): Promise<void> {
    await this.#run(['qhold', '-h', who === 'user' ? 'u' : 's', job])
  }

  async adminRelease(job: string): Promise<void> {
    await this.#run(['qrls', '-h', 'uos', job])
  }

  resumed(): readonly string[] {
    return []
  }

  async until(what: string, holds: (queue: QueueSnapshot) => boolean): Promise<QueueSnapshot> {
    let last: QueueSnapshot | undefined
    for (let ms = 0; ms <= 120_000; ms += 250) {
      last = await this.scheduler.snapshot()
      if (holds(last)) return last
      this.#torque.tick(250)
    }
    throw new Error(`not within two minutes: ${what}; the queue is ${JSON.stringify(last, null, 1)}`)
  }

  async whileAway(during: () => Promise<void>): Promise<void> {
    this.#torque.away = true
    try {
      await during()
    } finally {
      this.#torque.away = false
    }
  }

  async checkpoint(): Promise<() => Promise<void>> {
    const restore = this.#torque.checkpoint()
    return async () => restore()
  }

  async reset(): Promise<void> {
    const torque = this.#torque
    for (const job of torque.jobs) if (job.state !== 'C') torque.remove(idOf(job), true)
    for (const name of torque.nodes.map((node) => node.name)) {
      torque.momLost(name)
      if (name !== 'placeholder') torque.deleteNode(name)
    }
  }

  async close(): Promise<void> {
    await this.#reach.close()
  }

  async #run(argv: readonly string[], stdin = ''): Promise<{ stdout: string }> {
    const [name = '', ...args] = argv
    const result = await this.#reach.host.exec([`${this.#reach.prefix}/bin/${name}`, ...args], { stdin })
    if (result.code !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`)
    return result
  }
}
