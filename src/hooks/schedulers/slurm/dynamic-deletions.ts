import type { Clock } from '../../../base/clock.ts'
import type { CausewayError } from '../../../base/errors.ts'
import type { SlurmClient } from './client.ts'
import { deletable, isUnsettled, type Rests, restsAfter, type SlurmQueue, settledAfter } from './dynamic-rest.ts'
import { unlessRefused } from './refusal.ts'
import type { SlurmNode } from './sinfo.ts'

/** Has Slurm delete nodes, none before Slurm can do so without harm: see `deletable`. Nodes are to be drained for it. */
export class Deletions {
  readonly #slurm: SlurmClient
  readonly #clock: Clock
  #rests: Rests = new Map()

  constructor(slurm: SlurmClient, clock: Clock) {
    this.#slurm = slurm
    this.#clock = clock
  }

  /** Notes what a reading of all nodes, which has just ended, shows of drained ones. */
  note(nodes: readonly SlurmNode[]): void {
    this.#rests = restsAfter(nodes, this.#rests, this.#clock.now())
  }

  /** Those of these nodes that may be deleted by what this reading shows, which began then. */
  due(names: Iterable<string>, queue: SlurmQueue, beganMs: number): string[] {
    return deletable(names, queue, this.#rests, beganMs)
  }

  /** Prepares for these nodes to be deleted by what a later reading shows. */
  async prepare(names: readonly string[]): Promise<void> {
    if (!isUnsettled(names, this.#rests)) return
    const asked = this.#rests
    if (!(await this.#slurm.isPlanning())) this.#rests = settledAfter(this.#rests, asked, this.#clock.now())
  }

  /**
   * Deletes those of these nodes that may be deleted now; Slurm is read for that. The others are for a later try.
   * @returns why Slurm refused, if it did
   */
  async attempt(names: readonly string[]): Promise<CausewayError | null> {
    if (names.length === 0) return null
    this.note(await this.#slurm.nodes())
    await this.prepare(names)
    const beganMs = this.#clock.now()
    const [jobs, nodes] = await Promise.all([this.#slurm.jobs(), this.#slurm.nodes()])
    return this.remove(this.due(names, { jobs, nodes }, beganMs))
  }

  /**
   * Deletes nodes that are due.
   * @returns why Slurm refused, if it did
   */
  async remove(due: readonly string[]): Promise<CausewayError | null> {
    return due.length === 0 ? null : unlessRefused(this.#slurm.deleteNodes(due))
  }
}
