import { CausewayError } from '../../../base/errors.ts'
import type { QueueSnapshot } from '../../../elastic/plan/demand.ts'
import {
  type Capabilities,
  defaultCapabilities,
  type Registration,
  type Scheduler,
} from '../../../elastic/scheduler.ts'
import { SlurmClient, type SlurmOptions } from './client.ts'
import {
  type NodeUpdate,
  reasonText,
  updatesForCancelDrain,
  updatesForClose,
  updatesForDrain,
  updatesForPowerDown,
  updatesForPowerUp,
  updatesForReopen,
} from './commands.ts'
import { ConfiguredNodes, type ConfiguredOptions } from './configured-nodes.ts'
import { isFree, updatesForExplain, updatesForHold, updatesForRelease, updatesForTidying } from './holds.ts'
import { registrationChanges, registrationProblem } from './register.ts'
import { isOurs, type SlurmNode } from './sinfo.ts'
import type { SlurmJob } from './squeue.ts'
import { Turns } from './turns.ts'

/**
 * Slurm behind the port, by its command line tools. Truth is `squeue --json` and `sinfo --json`; every act reads the nodes
 * first and touches only what its contract allows. Why each act is the commands it is: docs/design/003-slurm-states.md.
 *
 * Names that Slurm does not know reject with `NotFound` after the others were served.
 */
export class SlurmScheduler implements Scheduler {
  readonly kind = 'slurm'
  readonly capabilities: Capabilities = { ...defaultCapabilities, places: 'scheduler', registers: true }
  readonly #slurm: SlurmClient
  /** A comment is read, changed and written: two calls at once would take each other's part away. */
  readonly #comments = new Turns()
  /** The order in which nodes are made is that in which Slurm prefers them: it is that of the calls. */
  readonly #registrations = new Turns()

  readonly #configured: ConfiguredNodes | null

  /** @param configured left out: features, weights and files are as an admin keeps them */
  constructor(options: SlurmOptions, configured?: ConfiguredOptions) {
    const slurm = new SlurmClient(options)
    this.#slurm = slurm
    this.#configured = configured
      ? new ConfiguredNodes(configured, options.clock, (change) => slurm.redefineNodes(change))
      : null
  }

  /**
   * Jobs and nodes are two readings. Where the nodes are the later one, a node may be wanted for a job that is not yet among
   * the jobs, and nothing would tell that the job is over its cap: the jobs are then read again.
   */
  async snapshot(): Promise<QueueSnapshot> {
    const [jobs, nodes] = await Promise.all([this.#slurm.jobs(), this.#slurm.nodes()])
    await this.#configured?.keep(nodes)
    const named = new Set(jobs.flatMap((job) => job.nodes))
    const isOlder = nodes.some(({ name, power }) => power === 'wanted' && !named.has(name))
    return { jobs: isOlder ? await this.#slurm.jobs() : jobs, nodes }
  }

  /**
   * Makes nodes that slurmctld does not know while it runs; it keeps them over its restarts. Of known ones features and weight
   * are brought up to date.
   * @throws CausewayError `InvalidConfig`, after all others were served, for what takes an admin: MaxNodeCount is too small, no
   *   partition takes the nodes, a size that Slurm has otherwise
   */
  async register(nodes: readonly Registration[]): Promise<void> {
    if (nodes.length > 0) await this.#registrations.inTurn(() => this.#register(nodes))
  }

  async #register(nodes: readonly Registration[]): Promise<void> {
    const before = await this.#slurm.nodes()
    const { create, redefine } = registrationChanges(nodes, before)
    for (const { names, definition } of create) await this.#slurm.createNodes(names, definition)
    for (const redefinition of redefine) await this.#slurm.redefineNodes(redefinition)
    // Slurm says that all is well also when it made only a part.
    const known = create.length > 0 ? await this.#slurm.nodes() : before
    const isFull = nodes.some((node) => !known.some((seen) => seen.name === node.name))
    const problem = registrationProblem(nodes, known, isFull ? await this.#slurm.maxNodeCount() : null)
    if (problem) throw problem
  }

  async confine(): Promise<void> {}

  async explain(texts: ReadonlyMap<string, string>): Promise<void> {
    if (texts.size === 0) return
    await this.#comments.inTurn(async () => {
      const updates = updatesForExplain(await this.#slurm.jobs(), texts)
      await this.#slurm.updateJobs(updates, (now) => updatesForExplain(now, texts).length === 0)
    })
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
      await this.#slurm.update(updatesForPowerDown(nodes))
      // Powering down forgets every drain, also an admin's: that one comes back.
      const admins = nodes.filter((node) => node.power !== 'absent' && !node.busy && node.drained && !isOurs(node))
      await this.#drainOnceLeaving(admins, (node) => node.reason)
      return []
    })
  }

  async fail(names: readonly string[], reason: string): Promise<void> {
    const text = reasonText(reason)
    await this.#act(names, async (nodes) => {
      await this.#slurm.update(updatesForClose(nodes, text))
      const leaving = nodes.filter((node) => node.power === 'leaving' && !node.busy)
      const expected = nodes.filter((node) => node.power !== 'absent' && !leaving.includes(node))
      const release = await this.#throwOffJobs(expected, text)
      const drain = this.#drainOnceLeaving([...leaving, ...expected], (node) =>
        node.drained && !isOurs(node) ? node.reason : text,
      )
      await bothOf(release(), drain)
      return []
    })
  }

  async close(names: readonly string[], reason: string): Promise<void> {
    await this.#act(names, (nodes) => updatesForClose(nodes, reason))
  }

  async reopen(names: readonly string[]): Promise<void> {
    await this.#act(names, updatesForReopen)
  }

  async hold(jobs: readonly string[], reason: string): Promise<void> {
    if (jobs.length === 0) return
    const asked = new Set(jobs)
    await this.#comments.inTurn(async () => {
      const all = await this.#slurm.jobs()
      const updates = updatesForHold(
        all.filter((job) => asked.has(job.id)),
        reason,
      )
      await this.#slurm.updateJobs(updates, (now) => !now.some((job) => asked.has(job.id) && isFree(job)))
      await this.#tidyHolds(all.filter((job) => !asked.has(job.id)))
    })
  }

  async release(jobs: readonly string[]): Promise<void> {
    if (jobs.length === 0) return
    const asked = new Set(jobs)
    const isHeld = (job: SlurmJob) => asked.has(job.id) && job.blocked === 'HeldByCauseway'
    await this.#comments.inTurn(async () => {
      const updates = updatesForRelease((await this.#slurm.jobs()).filter(isHeld))
      await this.#slurm.updateJobs(updates, (now) => !now.some(isHeld))
      // The marks go last: without one, nobody would ever end a hold that is still there.
      await this.#tidyHolds(await this.#slurm.jobs())
    })
  }

  async #tidyHolds(jobs: readonly SlurmJob[]): Promise<void> {
    const { release, unmark } = updatesForTidying(jobs)
    const ids = new Set([...release, ...unmark].flatMap((update) => update.ids))
    const isDone = (now: readonly SlurmJob[]) =>
      updatesForTidying(now.filter((job) => ids.has(job.id))).unmark.length === 0
    await this.#slurm.updateJobs([...release, ...unmark], isDone)
  }

  /**
   * Takes these nodes from their jobs and powers them down. Returns what is left to do for the jobs: once they are back in
   * the queue, to let them start at once.
   */
  async #throwOffJobs(nodes: readonly SlurmNode[], reason: string): Promise<() => Promise<void>> {
    if (nodes.length === 0) return async () => undefined
    const names = new Set(nodes.map((node) => node.name))
    const isOnThem = (job: QueueSnapshot['jobs'][number]) =>
      job.state !== 'ended' && job.nodes.some((name) => names.has(name))
    const ids = new Set((await this.#slurm.jobs()).filter(isOnThem).map((job) => job.id))
    await this.#slurm.update([
      { state: 'down', names: [...names], reason },
      { state: 'power_down_force', names: [...names] },
    ])
    return () => this.#slurm.startAgain(ids, isOnThem)
  }

  /** Slurm forgets a drain when it begins to power a node down, so it is set right after; until then nothing is placed there. */
  async #drainOnceLeaving(nodes: readonly SlurmNode[], reasonOf: (node: SlurmNode) => string): Promise<void> {
    if (nodes.length === 0) return
    const names = new Set(nodes.map((node) => node.name))
    const now = await this.#slurm.until('nodes power down', async () => {
      const current = (await this.#slurm.nodes()).filter((node) => names.has(node.name))
      return current.some((node) => node.powerDownPending) ? null : current
    })
    const undrained = new Set(now.filter((node) => !node.drained).map((node) => node.name))
    const groups = Map.groupBy(
      nodes.filter((node) => undrained.has(node.name)),
      reasonOf,
    )
    for (const [reason, group] of groups) {
      await this.#slurm.update([{ state: 'drain', names: group.map((node) => node.name), reason }])
    }
  }

  /** Reads the nodes, carries out what `decide` says for those asked for, and complains about names that are not there. */
  async #act(
    names: readonly string[],
    decide: (nodes: readonly SlurmNode[]) => readonly NodeUpdate[] | Promise<readonly NodeUpdate[]>,
  ): Promise<void> {
    if (names.length === 0) return
    const byName = new Map((await this.#slurm.nodes()).map((node) => [node.name, node]))
    await this.#slurm.update(await decide([...new Set(names)].flatMap((name) => byName.get(name) ?? [])))
    const unknown = names.filter((name) => !byName.has(name))
    if (unknown.length > 0) {
      throw new CausewayError('NotFound', `Slurm knows no node ${unknown.join(', ')}: is it in ${this.#slurm.conf}?`)
    }
  }
}

/** Waits for both to end, whatever becomes of the other, and rejects as the first of them that did. */
async function bothOf(first: Promise<void>, second: Promise<void>): Promise<void> {
  const failed = (await Promise.allSettled([first, second])).find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}
