import { CausewayError } from '../../../base/errors.ts'
import type { NodeUpdate } from './commands.ts'

/** Updates of one turn that differ in nothing but the nodes. */
interface Group {
  readonly updates: NodeUpdate[]
  readonly done: Promise<void>
}

/**
 * Carries out what comes in one turn of the event loop with one command for each state and reason: calls that share a reading of
 * the nodes all decide on it in the same turn. Each command costs slurmctld a lock and its client the reading of slurm.conf.
 */
export class MergedUpdates {
  readonly #run: (update: NodeUpdate) => Promise<void>
  readonly #groups = new Map<string, Group>()

  /** @param run carries one update out with one command */
  constructor(run: (update: NodeUpdate) => Promise<void>) {
    this.#run = run
  }

  /** Rejects as `run` does; when Slurm refuses an update of several calls, each is tried by itself, so that none suffers for another's. */
  async carryOut(update: NodeUpdate): Promise<void> {
    const group = this.#join(update)
    try {
      await group.done
    } catch (error) {
      const isRefusal = error instanceof CausewayError && error.code === 'CommandFailed'
      if (!isRefusal || group.updates.length === 1) throw error
      await this.#run(update)
    }
  }

  #join(update: NodeUpdate): Group {
    const key = `${update.state} ${update.reason ?? ''}`
    const there = this.#groups.get(key)
    if (there) {
      there.updates.push(update)
      return there
    }
    const updates = [update]
    const group = { updates, done: this.#afterThisTurn(key, updates) }
    this.#groups.set(key, group)
    return group
  }

  async #afterThisTurn(key: string, updates: readonly NodeUpdate[]): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#groups.delete(key)
    const [first] = updates
    if (first) await this.#run({ ...first, names: [...new Set(updates.flatMap(({ names }) => names))] })
  }
}
