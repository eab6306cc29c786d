import type { Clock } from '../../../base/clock.ts'
import { CausewayError } from '../../../base/errors.ts'
import type { QueueSnapshot } from '../../../elastic/plan/demand.ts'
import type { PlacementRule } from '../../../elastic/plan/policy.ts'
import {
  type Capabilities,
  defaultCapabilities,
  type Registration,
  type Scheduler,
} from '../../../elastic/scheduler.ts'
import { SlurmClient, type SlurmOptions } from './client.ts'
import { reasonText, updatesForCancelDrain, updatesForDrain } from './commands.ts'
import { weightOf } from './definition.ts'
import { Deletions } from './dynamic-deletions.ts'
import { isPlaceholder, placeholderChanges, placeholderProblem } from './dynamic-placeholders.ts'
import { dynamicSnapshot, forgettable, isLeaving, leavingReason } from './dynamic-snapshot.ts'
import { type KeptFiles, keepFiles } from './kept-files.ts'
import { unlessRefused } from './refusal.ts'
import { registrationChanges } from './register.ts'
import { SlurmScheduler } from './scheduler.ts'
import { isOurs, type SlurmNode } from './sinfo.ts'

/** How often placeholders are tried to be made for which Slurm has no room. */
const retryMs = 60_000

/** What Slurm with dynamic nodes is reached with. */
export interface SlurmDynamicOptions extends SlurmOptions {
  /** All nodes that there may be, as configured now. */
  readonly possible: () => readonly Registration[]
  /** Files to be kept up to date once Slurm knows all nodes that can be made: with a feature that it does not know it refuses jobs. */
  readonly files?: KeptFiles
}

/**
 * Slurm whose nodes register themselves (`slurmd -Z`) behind the port; Causeway makes them for pending jobs. What holds for jobs
 * is as with cloud nodes. docs/slurm.md has what slurm.conf needs.
 *
 * Slurm is told of nodes that can be made by placeholders, see `placeholderChanges`; they are no nodes to anybody else. A reading
 * of the queue also mends: it makes placeholders that are missing, brings weights and features up to date, and deletes nodes whose
 * last job has ended after `powerDown`. Nodes are drained before they are deleted, and deleted when Slurm can do that without harm.
 */
export class SlurmDynamicScheduler implements Scheduler {
  readonly kind = 'slurm'
  readonly capabilities: Capabilities = { ...defaultCapabilities }
  readonly #queue: Scheduler
  readonly #slurm: SlurmClient
  readonly #deletions: Deletions
  readonly #clock: Clock
  readonly #possible: () => readonly Registration[]
  readonly #files: KeptFiles | null
  /** Whether the files are as they should be. */
  /** With which rules of placement the files were kept; null: they are to be. */
  #filesKeptFor: readonly PlacementRule[] | null = null
  /** Not before, ms since the epoch. */
  #nextAttemptMs = 0

  constructor(options: SlurmDynamicOptions) {
    this.#queue = new SlurmScheduler(options)
    this.#slurm = new SlurmClient(options)
    this.#deletions = new Deletions(this.#slurm, options.clock)
    this.#clock = options.clock
    this.#possible = options.possible
    this.#files = options.files ?? null
  }

  async snapshot(): Promise<QueueSnapshot> {
    const beganMs = this.#clock.now()
    const [jobs, nodes] = await Promise.all([this.#slurm.jobs(), this.#slurm.nodes()])
    const queue = { jobs, nodes }
    this.#deletions.note(nodes)
    const possible = this.#possible()
    const complete = await this.#keepPlaceholders(nodes, possible)
    await this.#keepDefinitions(nodes, possible)
    const due = this.#deletions.due(forgettable(nodes), queue, beganMs)
    // For the next reading, which may be the one in which their jobs have ended.
    await this.#deletions.prepare(nodes.filter(isLeaving).map((node) => node.name))
    if (due.length === 0) return dynamicSnapshot(queue, complete)
    // One that Slurm does not let go is seen again in the next reading.
    await this.#deletions.remove(due)
    const left = new Set((await this.#slurm.nodes()).map((node) => node.name))
    return dynamicSnapshot({ ...queue, nodes: nodes.filter((node) => left.has(node.name)) }, complete)
  }

  /**
   * A node registers itself; what an earlier machine of its name has left is deleted before.
   * @throws CausewayError `InvalidConfig` when Slurm does not take all nodes that can be made: MaxNodeCount is too small, or they
   *   are in no partition
   */
  async register(nodes: readonly Registration[]): Promise<void> {
    if (nodes.length === 0) return
    const known = await this.#slurm.nodes()
    const names = new Set(nodes.map((node) => node.name))
    const isStale = (node: SlurmNode) => !node.busy && (!node.responding || node.down || isLeaving(node))
    await this.#deleteAll(
      'what earlier machines have left be deleted',
      known.filter((node) => names.has(node.name) && isStale(node)),
    )
    const problem = await this.#makePlaceholders(known, this.#possible())
    if (problem) throw problem
  }

  async powerUp(): Promise<void> {}

  async drain(names: readonly string[], reason: string): Promise<void> {
    await this.#act(names, (nodes) => this.#slurm.update(updatesForDrain(nodes, reason)))
  }

  async cancelDrain(names: readonly string[]): Promise<void> {
    await this.#act(names, (nodes) => {
      return this.#slurm.update(updatesForCancelDrain(nodes.filter((node) => !isLeaving(node))))
    })
  }

  async powerDown(names: readonly string[]): Promise<void> {
    await this.#act(names, async (nodes) => {
      // Those that can't be deleted yet are, by a later reading.
      await this.#drainToDelete(nodes.filter((node) => !isLeaving(node)))
      await this.#deletions.attempt(nodes.map((node) => node.name))
    })
  }

  async fail(names: readonly string[], reason: string): Promise<void> {
    await this.#act(names, async (nodes) => {
      const lost = new Set(nodes.map((node) => node.name))
      const isOnThem = (job: QueueSnapshot['jobs'][number]) =>
        job.state !== 'ended' && job.nodes.some((name) => lost.has(name))
      const ids = new Set((await this.#slurm.jobs()).filter(isOnThem).map((job) => job.id))
      const text = reasonText(reason)
      // Drained first: with ReturnToService a node that still answers comes back from down, but not from that.
      await this.#slurm.update([
        { state: 'drain', names: [...lost], reason: text },
        { state: 'down', names: [...lost], reason: text },
      ])
      await this.#slurm.startAgain(ids, isOnThem)
      await this.#deleteAll('failed nodes be deleted', nodes)
    })
  }

  async close(): Promise<void> {}

  async reopen(): Promise<void> {}

  async hold(jobs: readonly string[], reason: string): Promise<void> {
    await this.#queue.hold(jobs, reason)
  }

  async release(jobs: readonly string[]): Promise<void> {
    await this.#queue.release(jobs)
  }

  async confine(): Promise<void> {}

  async explain(texts: ReadonlyMap<string, string>): Promise<void> {
    await this.#queue.explain(texts)
  }

  /** A node registers without a weight, and with the features that were configured when its machine was made. */
  async #keepDefinitions(nodes: readonly SlurmNode[], possible: readonly Registration[]): Promise<void> {
    const there = new Map(nodes.filter((node) => node.responding).map((node) => [node.name, node]))
    const changed = possible.filter((node) => {
      const seen = there.get(node.name)
      return seen && (seen.weight !== weightOf(node) || seen.features.join() !== node.features.join())
    })
    if (changed.length === 0) return
    const { redefine } = registrationChanges(changed, nodes)
    for (const change of redefine) await unlessRefused(this.#slurm.redefineNodes(change))
  }

  /** Whether Slurm knew all nodes that can be made when it was read. Those that it did not know it is told of now. */
  async #keepPlaceholders(nodes: readonly SlurmNode[], possible: readonly Registration[]): Promise<boolean> {
    const { create, remove } = placeholderChanges(nodes, possible)
    if (create.length === 0 && remove.length === 0) {
      const placement = this.#files?.placement() ?? []
      if (this.#files && this.#filesKeptFor !== placement) await keepFiles(this.#files, possible, nodes)
      this.#filesKeptFor = placement
      return true
    }
    this.#filesKeptFor = null
    const now = this.#clock.now()
    if (now >= this.#nextAttemptMs) {
      const problem = await this.#makePlaceholders(nodes, possible)
      // It is for `register` to tell of it; in between it is not tried with every reading.
      this.#nextAttemptMs = problem ? now + retryMs : 0
    }
    return create.length === 0
  }

  /** Makes the placeholders what they should be; what is in the way of that. */
  async #makePlaceholders(
    nodes: readonly SlurmNode[],
    possible: readonly Registration[],
  ): Promise<CausewayError | null> {
    const { create, remove } = placeholderChanges(nodes, possible)
    const woken = nodes.filter((node) => remove.includes(node.name) && !node.drained)
    await this.#drainToDelete(woken)
    await this.#deletions.attempt(remove)
    let refusal: CausewayError | null = null
    for (const { names, definition, reason } of create) {
      // As nodes of the future first: jobs are never placed on them, from their beginning. What a call that was cut off has left,
      // or could not be deleted yet, is refused here, and seen below.
      refusal = (await unlessRefused(this.#slurm.createNodes(names, [...definition, 'State=FUTURE']))) ?? refusal
      await unlessRefused(this.#slurm.update([{ state: 'drain', names, reason }]))
      await unlessRefused(this.#slurm.update([{ state: 'down', names, reason }]))
    }
    const made = create.length > 0 ? await this.#slurm.nodes() : nodes
    const isWhole = placeholderChanges(made, possible).create.length === 0
    return placeholderProblem(made, possible, isWhole ? null : await this.#slurm.maxNodeCount(), refusal)
  }

  /**
   * Drains nodes on which no job is or begins, and has them deleted.
   * @throws CausewayError `CommandTimeout` when they can't all be deleted within 30 s: it is to be tried again
   */
  async #deleteAll(what: string, nodes: readonly SlurmNode[]): Promise<void> {
    if (nodes.length === 0) return
    await this.#drainToDelete(nodes.filter((node) => !node.drained))
    const names = nodes.map((node) => node.name)
    const asked = new Set(names)
    await this.#slurm.until(what, async () => {
      await this.#deletions.attempt(names)
      return (await this.#slurm.nodes()).some((node) => asked.has(node.name)) ? null : true
    })
  }

  /** Has nodes deleted by a later reading, when no job is on them; an admin's own drain is left as it is. */
  async #drainToDelete(nodes: readonly SlurmNode[]): Promise<void> {
    const names = nodes.filter((node) => !node.drained || isOurs(node)).map((node) => node.name)
    if (names.length > 0) await this.#slurm.update([{ state: 'drain', names, reason: leavingReason }])
  }

  /** Reads the nodes and carries out what is to be done with those asked for; names that Slurm does not know are no nodes. */
  async #act(names: readonly string[], carryOut: (nodes: readonly SlurmNode[]) => Promise<void>): Promise<void> {
    if (names.length === 0) return
    const asked = new Set(names)
    const nodes = (await this.#slurm.nodes()).filter((node) => asked.has(node.name) && !isPlaceholder(node))
    if (nodes.length > 0) await carryOut(nodes)
  }
}
