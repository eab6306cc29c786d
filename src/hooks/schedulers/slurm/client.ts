import type { Clock } from '../../../base/clock.ts'
import { CausewayError } from '../../../base/errors.ts'
import type { Host } from '../../../base/host.ts'
import type { Job } from '../../../elastic/plan/demand.ts'
import { compressHostlist } from '../../hostlist.ts'
import { JoinedRead } from '../joined-read.ts'
import { type NodeUpdate, nodeUpdateArgv } from './commands.ts'
import { groupsOf, type JobUpdate, jobUpdateArgvs } from './holds.ts'
import { MergedUpdates } from './merged-updates.ts'
import type { Redefinition } from './register.ts'
import { parseSinfo, type SlurmNode } from './sinfo.ts'
import { parseSqueue, type SlurmJob } from './squeue.ts'

/** Slurm's own commands give up after MessageTimeout (10 s) with a retry; later the answer is no longer worth having. */
const commandTimeoutMs = 30_000

/** Longest wait for slurmctld to begin a power-down (its power_save_interval, 10 s if not set) or a requeue. */
const settleTimeoutMs = 30_000

/** Pause between two looks while waiting for that; and at least so many times as long as a look takes, so that it is no load. */
const settlePollMs = 100
const settlePauses = 4

/** What Slurm is reached with. */
export interface SlurmOptions {
  /** Where Slurm's commands run, as a Slurm administrator (root, SlurmUser, or an operator). */
  readonly host: Host
  /** The path of slurm.conf on that host. */
  readonly conf: string
  readonly clock: Clock
  /** Jobs and nodes are read from slurmrestd; left out: by `squeue --json` and `sinfo --json`. */
  readonly rest?: { readonly read: (list: 'jobs' | 'nodes') => Promise<string> }
}

/**
 * Slurm's command line tools. Rejections are `SchedulerUnreachable` when slurmctld, munge or the host is away,
 * `MalformedOutput`, or `CommandFailed` when slurmctld refuses.
 */
export class SlurmClient {
  readonly conf: string
  readonly #host: Host
  readonly #clock: Clock
  readonly #jobs: JoinedRead<readonly SlurmJob[]>
  readonly #nodes: JoinedRead<readonly SlurmNode[]>
  /** `sinfo --json` lists groups of nodes: a later Slurm's. */
  #groups = false
  readonly #updates: MergedUpdates

  constructor(options: SlurmOptions) {
    this.conf = options.conf
    this.#host = options.host
    this.#clock = options.clock
    const read = {
      jobs: () => options.rest?.read('jobs') ?? this.#run(['squeue', '--all', '--json']),
      nodes: () => options.rest?.read('nodes') ?? this.#printNodes(),
    }
    this.#jobs = new JoinedRead(async () => parseSqueue(await read.jobs(), this.#clock.now()))
    this.#nodes = new JoinedRead(async () => parseSinfo(await read.nodes()))
    this.#updates = new MergedUpdates(async (update) => {
      await this.#run(nodeUpdateArgv(update))
    })
  }

  /** The command that lists nodes one by one: `sinfo` in 22.05, which groups them from 23.02 on; there `scontrol` does it. */
  async #printNodes(): Promise<string> {
    if (!this.#groups) {
      const text = await this.#run(['sinfo', '--all', '--json'])
      this.#groups = /^\s*"sinfo"\s*:\s*\[/m.test(text)
      if (!this.#groups) return text
    }
    return this.#run(['scontrol', 'show', 'nodes', '--all', '--json'])
  }

  /** All jobs, as they are after this call; callers at about the same time share one command. */
  async jobs(): Promise<readonly SlurmJob[]> {
    return this.#jobs.read()
  }

  /** All nodes, as they are after this call; callers at about the same time share one command. */
  async nodes(): Promise<readonly SlurmNode[]> {
    return this.#nodes.read()
  }

  /** Carries updates out one after the other; those of other calls that want the same at the same time go along. */
  async update(updates: readonly NodeUpdate[]): Promise<void> {
    for (const update of updates) await this.#updates.carryOut(update)
  }

  /**
   * Makes nodes of one kind. Slurm makes what it can and says nothing of what MaxNodeCount left no room for: look again.
   * @param definition as in a line of slurm.conf, with its state
   */
  async createNodes(names: readonly string[], definition: readonly string[]): Promise<void> {
    await this.#run(['scontrol', 'create', `nodename=${compressHostlist(names)}`, ...definition])
  }

  /** Changes what can be changed of nodes that Slurm knows, whatever they do. */
  async redefineNodes({ names, features, weight }: Redefinition): Promise<void> {
    const list = features.join(',')
    const argv = [`availablefeatures=${list}`, `activefeatures=${list}`, `weight=${weight}`]
    await this.#run(['scontrol', 'update', `nodename=${compressHostlist(names)}`, ...argv])
  }

  /** Most nodes that this slurmctld has room for; null if it does not say. */
  async maxNodeCount(): Promise<number | null> {
    const said = /^MaxNodeCount\s*=\s*(\d+)$/m.exec(await this.#run(['scontrol', 'show', 'config']))
    return said ? Number(said[1]) : null
  }

  /** Whether Slurm plans jobs ahead right now (`sched/backfill`); where many wait it takes seconds, and works on what it has read before. */
  async isPlanning(): Promise<boolean> {
    return /in the middle of backfilling/i.test(await this.#run(['sdiag']))
  }

  /**
   * Has Slurm forget dynamic nodes. It serves those that no job is on and that it knows, and refuses for any of the others.
   * Slurm can break by it: only for what `deletable` has let through.
   */
  async deleteNodes(names: readonly string[]): Promise<void> {
    await this.#run(['scontrol', 'delete', `nodename=${compressHostlist(names)}`])
  }

  /**
   * Carries updates of jobs out one after the other. Slurm serves all jobs of a list that it can, and fails when one of them
   * has ended: whether that is a failure is for `isDone` to say, from a new reading after all of them.
   */
  async updateJobs(updates: readonly JobUpdate[], isDone: (jobs: readonly SlurmJob[]) => boolean): Promise<void> {
    let refusal: CausewayError | undefined
    for (const argv of updates.flatMap(jobUpdateArgvs)) {
      try {
        await this.#run(argv)
      } catch (error) {
        if (!(error instanceof CausewayError && error.code === 'CommandFailed')) throw error
        refusal ??= error
      }
    }
    if (refusal && !isDone(await this.jobs())) throw refusal
  }

  /** Takes the begin time off pending jobs. */
  async startNow(jobs: readonly Job[]): Promise<void> {
    for (const ids of groupsOf(jobs.map((job) => job.id))) {
      await this.#run(['scontrol', 'update', `jobid=${ids.join(',')}`, 'starttime=now'])
    }
  }

  /**
   * Waits until these jobs, which were thrown off their nodes, are back in the queue, and lets them start at once. Slurm makes a
   * requeued job wait for two minutes, so that a machine that may still live forgets it; ours is gone.
   * @param isOnThem whether a job still holds such a node
   */
  async startAgain(ids: ReadonlySet<string>, isOnThem: (job: Job) => boolean): Promise<void> {
    if (ids.size === 0) return
    let told = false
    await this.until('jobs go back to the queue', async () => {
      const jobs = (await this.jobs()).filter((job) => ids.has(job.id))
      // A job that completes may show no nodes any more; Slurm sets its wait only when it has completed.
      if (jobs.some((job) => isOnThem(job) || job.state === 'completing')) return null
      // The wait shows in the reason only after Slurm has looked at the job, so all are told once, and again if need be.
      const waiting = jobs.filter((job) => job.state === 'pending' && (!told || job.reason === 'BeginTime'))
      await this.startNow(waiting)
      told = true
      return waiting.length === 0 ? true : null
    })
  }

  /**
   * Polls until `probe` gives something and resolves to that.
   * @throws CausewayError `CommandTimeout` after 30 s
   */
  async until<T>(what: string, probe: () => Promise<T | null>): Promise<T> {
    const deadline = this.#clock.now() + settleTimeoutMs
    for (;;) {
      const beganMs = this.#clock.now()
      const found = await probe()
      if (found !== null) return found
      const now = this.#clock.now()
      if (now >= deadline) {
        throw new CausewayError('CommandTimeout', `slurmctld did not let ${what} within ${settleTimeoutMs / 1000} s`)
      }
      await this.#clock.sleep(Math.max(settlePollMs, settlePauses * (now - beganMs)))
    }
  }

  async #run(argv: readonly string[]): Promise<string> {
    // SLURM_BITSTR_LEN=0: the elements of a large array are listed whole, not cut short at 64 characters.
    const environment = [`SLURM_CONF=${this.conf}`, 'SLURM_BITSTR_LEN=0']
    const facts = { argv: argv.slice(0, 8) }
    const result = await this.#host
      .exec(['env', ...environment, ...argv], { timeoutMs: commandTimeoutMs })
      .catch((cause: unknown) => {
        if (isTooLong(cause)) throw withWayOut(cause)
        throw isUnanswered(cause)
          ? new CausewayError('SchedulerUnreachable', `${argv[0]}: ${cause.message}`, { cause, facts })
          : cause
      })
    if (result.code === 0) return result.stdout
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-1000)
    if (saysAway(said)) throw new CausewayError('SchedulerUnreachable', `${argv[0]}: ${said}`, { facts })
    throw new CausewayError(
      'CommandFailed',
      `${argv.slice(0, 4).join(' ')} ended with status ${result.code}: ${said}`,
      {
        facts: { ...facts, code: result.code },
      },
    )
  }
}

/** How Slurm's commands say that slurmctld or munge does not answer. */
function saysAway(said: string): boolean {
  return /unable to contact|connect failure|connection refused|timed out|munge|authentication|zero bytes|communication/i.test(
    said,
  )
}

/** The host is away or the command hangs: nothing is known of the queue either. */
function isUnanswered(thrown: unknown): thrown is CausewayError {
  return thrown instanceof CausewayError && (thrown.code === 'HostUnreachable' || thrown.code === 'CommandTimeout')
}

/** It printed more than a host's `exec` takes. */
function isTooLong(thrown: unknown): thrown is CausewayError {
  return thrown instanceof CausewayError && thrown.code === 'MalformedOutput'
}

function withWayOut(cause: CausewayError): CausewayError {
  const wayOut = 'let slurmrestd tell the queue (scheduler.rest), or Slurm forget ended jobs sooner (MinJobAge)'
  return new CausewayError(cause.code, `${cause.message}: ${wayOut}`, { cause, facts: cause.facts })
}
