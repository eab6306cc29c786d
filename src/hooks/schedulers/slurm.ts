import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { QueueSnapshot } from '../../elastic/plan/demand.ts'
import type { Scheduler } from '../../elastic/scheduler.ts'
import {
  type NodeUpdate,
  nodeUpdateArgv,
  reasonText,
  updatesForCancelDrain,
  updatesForClose,
  updatesForDrain,
  updatesForPowerDown,
  updatesForPowerUp,
  updatesForReopen,
} from './slurm-commands.ts'
import { isOurs, parseSinfo, type SlurmNode } from './slurm-sinfo.ts'
import { parseSqueue, type SlurmJob } from './slurm-squeue.ts'

/** Slurm's own commands give up after MessageTimeout (10 s), with a retry or two; then the answer is no longer worth having. */
const commandTimeoutMs = 30_000

/** Longest wait for slurmctld to begin a power-down (its power_save_interval, 10 s if not set) or a requeue. */
const settleTimeoutMs = 30_000

const settlePollMs = 100

/** What a `SlurmScheduler` works with. */
export interface SlurmOptions {
  /** Where Slurm's commands run, as a Slurm administrator (root, SlurmUser, or an operator). */
  readonly host: Host
  /** The path of slurm.conf on that host. */
  readonly conf: string
  readonly clock: Clock
}

/**
 * Slurm behind the port, by its command line tools. Truth is `squeue --json` and `sinfo --json`; every act reads the nodes
 * first and touches only what its contract allows. Why each act is the commands it is: docs/design/003-slurm-states.md.
 *
 * Names that Slurm does not know reject with `NotFound` after the others were served.
 */
export class SlurmScheduler implements Scheduler {
  readonly kind = 'slurm'
  readonly #host: Host
  readonly #conf: string
  readonly #clock: Clock

  constructor(options: SlurmOptions) {
    this.#host = options.host
    this.#conf = options.conf
    this.#clock = options.clock
  }

  async snapshot(): Promise<QueueSnapshot> {
    const [jobs, nodes] = await Promise.all([this.#jobs(), this.#nodes()])
    return { jobs, nodes }
  }

  async powerUp(names: readonly string[]): Promise<void> {
    await this.#act(names, updatesForPowerUp)
  }

  async drain(names: readonly string[], reason: string): Promise<void> {
    await this.#act(names, (nodes) => updatesForDrain(nodes, reason))
  }

  async cancelDrain(names: readonly string[]): Promise<void> {
    await this.#act(names, updatesForCancelDrain)
  }

  async powerDown(names: readonly string[]): Promise<void> {
    await this.#act(names, async (nodes) => {
      await this.#update(updatesForPowerDown(nodes))
      // Powering down forgets every drain, also an admin's: that one comes back.
      const admins = nodes.filter((node) => node.power !== 'absent' && !node.busy && node.drained && !isOurs(node))
      await this.#drainOnceLeaving(admins, (node) => node.reason)
      return []
    })
  }

  async fail(names: readonly string[], reason: string): Promise<void> {
    await this.#act(names, async (nodes) => {
      const closed = nodes.filter((node) => node.power === 'absent' && !node.drained)
      await this.#update(updatesForClose(closed, reason))
      const leaving = nodes.filter((node) => node.power === 'leaving' && !node.busy)
      const wanted = nodes.filter((node) => node.power !== 'absent' && !leaving.includes(node))
      await this.#throwOffJobs(wanted, reasonText(reason))
      await this.#drainOnceLeaving([...wanted, ...leaving], (node) =>
        node.drained && !isOurs(node) ? node.reason : reasonText(reason),
      )
      return []
    })
  }

  async close(names: readonly string[], reason: string): Promise<void> {
    await this.#act(names, (nodes) => updatesForClose(nodes, reason))
  }

  async reopen(names: readonly string[]): Promise<void> {
    await this.#act(names, updatesForReopen)
  }

  /** Sends the jobs on these nodes back to the queue, free to start at once, and powers the nodes down. */
  async #throwOffJobs(nodes: readonly SlurmNode[], reason: string): Promise<void> {
    if (nodes.length === 0) return
    const names = nodes.map((node) => node.name)
    const victims = (await this.#jobs()).filter((job) => job.nodes.some((name) => names.includes(name)))
    const numbers = new Set(victims.filter((job) => job.state !== 'ended').map((job) => job.jobNumber))
    await this.#update([{ state: 'down', names, reason }])
    await this.#update([{ state: 'power_down_force', names }])
    if (numbers.size === 0) return
    // Slurm lets a requeued job wait for two minutes, so that a machine that may live forgets it. Ours is gone.
    const settled = await this.#until('jobs go back to the queue', async () => {
      const jobs = (await this.#jobs()).filter((job) => numbers.has(job.jobNumber))
      return jobs.every((job) => isOffNodes(job, names)) ? jobs : null
    })
    const delayed = settled.filter((job) => job.state === 'pending' && job.count === 1)
    if (delayed.length === 0) return
    const list = delayed.map((job) => job.jobNumber).join(',')
    await this.#scontrol(['scontrol', 'update', `jobid=${list}`, 'starttime=now'])
  }

  /** Slurm forgets a drain when it begins to power a node down, so ours is set right after; until then nothing is placed there. */
  async #drainOnceLeaving(nodes: readonly SlurmNode[], reasonOf: (node: SlurmNode) => string): Promise<void> {
    if (nodes.length === 0) return
    const names = new Set(nodes.map((node) => node.name))
    const now = await this.#until('nodes power down', async () => {
      const current = (await this.#nodes()).filter((node) => names.has(node.name))
      return current.every((node) => !node.powerDownPending) ? current : null
    })
    const undrained = new Set(now.filter((node) => !node.drained).map((node) => node.name))
    const byReason = Map.groupBy(
      nodes.filter((node) => undrained.has(node.name)),
      reasonOf,
    )
    for (const [reason, group] of byReason) {
      await this.#update([{ state: 'drain', names: group.map((node) => node.name), reason }])
    }
  }

  /** Reads the nodes, carries out what `decide` says for those asked for, and complains about names that are not there. */
  async #act(
    names: readonly string[],
    decide: (nodes: readonly SlurmNode[]) => readonly NodeUpdate[] | Promise<readonly NodeUpdate[]>,
  ): Promise<void> {
    if (names.length === 0) return
    const byName = new Map((await this.#nodes()).map((node) => [node.name, node]))
    await this.#update(await decide([...new Set(names)].flatMap((name) => byName.get(name) ?? [])))
    const unknown = names.filter((name) => !byName.has(name))
    if (unknown.length > 0) {
      throw new CausewayError('NotFound', `Slurm knows no node ${unknown.join(', ')}: is it in ${this.#conf}?`)
    }
  }

  async #update(updates: readonly NodeUpdate[]): Promise<void> {
    for (const update of updates) await this.#scontrol(nodeUpdateArgv(update))
  }

  async #scontrol(argv: readonly string[]): Promise<void> {
    await this.#run(argv)
  }

  async #jobs(): Promise<SlurmJob[]> {
    return parseSqueue(await this.#run(['squeue', '--all', '--json']), this.#clock.now())
  }

  async #nodes(): Promise<SlurmNode[]> {
    return parseSinfo(await this.#run(['sinfo', '--all', '--json']))
  }

  async #until<T>(what: string, probe: () => Promise<T | null>): Promise<T> {
    const deadline = this.#clock.now() + settleTimeoutMs
    for (;;) {
      const found = await probe()
      if (found !== null) return found
      if (this.#clock.now() >= deadline) {
        throw new CausewayError('CommandTimeout', `slurmctld did not let ${what} within ${settleTimeoutMs / 1000} s`)
      }
      await this.#clock.sleep(settlePollMs)
    }
  }

  /** Standard output of one of Slurm's commands, whose failures all mean that slurmctld is away or has refused. */
  async #run(argv: readonly string[]): Promise<string> {
    // SLURM_BITSTR_LEN=0: the elements of a large array are listed whole, not cut short at 64 characters.
    const environment = [`SLURM_CONF=${this.#conf}`, 'SLURM_BITSTR_LEN=0', 'SLURM_TIME_FORMAT=standard']
    const result = await this.#host
      .exec(['env', ...environment, ...argv], { timeoutMs: commandTimeoutMs })
      .catch((cause: unknown) => {
        throw unanswered(argv, cause)
      })
    if (result.code === 0) return result.stdout
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-1000)
    if (isAway(said)) throw new CausewayError('SchedulerUnreachable', `${argv[0]}: ${said}`, { facts: { argv } })
    throw new CausewayError(
      'CommandFailed',
      `${argv.slice(0, 4).join(' ')} ended with status ${result.code}: ${said}`,
      {
        facts: { argv: argv.slice(0, 8), code: result.code },
      },
    )
  }
}

/** The job no longer holds these nodes, be it back in the queue, ended, or started elsewhere. */
function isOffNodes(job: SlurmJob, names: readonly string[]): boolean {
  return job.state === 'ended' || !job.nodes.some((name) => names.includes(name))
}

/** How Slurm's commands say that slurmctld or munge does not answer. */
function isAway(said: string): boolean {
  return /unable to contact|connect failure|connection refused|timed out|munge|authentication|zero bytes|communication/i.test(
    said,
  )
}

/** The host is away or the command hangs: nothing is known of the queue either. */
function unanswered(argv: readonly string[], cause: unknown): unknown {
  if (!(cause instanceof CausewayError)) return cause
  if (cause.code !== 'HostUnreachable' && cause.code !== 'CommandTimeout') return cause
  return new CausewayError('SchedulerUnreachable', `${argv[0]}: ${cause.message}`, {
    cause,
    facts: { argv: argv.slice(0, 8) },
  })
}
