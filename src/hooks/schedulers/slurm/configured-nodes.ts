import type { Clock } from '../../../base/clock.ts'
import { type CausewayError, toCausewayError } from '../../../base/errors.ts'
import type { Registration } from '../../../elastic/scheduler.ts'
import { type KeptFiles, keepFiles } from './kept-files.ts'
import { type Redefinition, registrationChanges, registrationProblem } from './register.ts'
import type { SlurmNode } from './sinfo.ts'

/** How often Slurm and its files are compared with the configuration, ms. */
const everyMs = 10_000

/** What the configuration is kept up to date in. */
export interface ConfiguredOptions {
  /** All nodes that there may be, preferred ones first, as configured when it is asked. */
  readonly possible: () => readonly Registration[]
  readonly files: KeptFiles
  /** Is told what could not be done and takes an admin: once, and again when it is something else. */
  readonly onProblem: (problem: CausewayError) => void
}

/**
 * Keeps what Slurm knows of nodes as it is configured now, also after a reload: features and weights of those that it knows, and
 * its files. Nodes that it does not know are for `register`.
 */
export class ConfiguredNodes {
  readonly #options: ConfiguredOptions
  readonly #clock: Clock
  readonly #redefine: (change: Redefinition) => Promise<void>
  #nextAtMs = 0
  #lastProblem = ''

  constructor(options: ConfiguredOptions, clock: Clock, redefine: (change: Redefinition) => Promise<void>) {
    this.#options = options
    this.#clock = clock
    this.#redefine = redefine
  }

  /** Does what is to be done if it is time to; never rejects: the queue can be read whatever becomes of this. */
  async keep(known: readonly SlurmNode[]): Promise<void> {
    const now = this.#clock.now()
    if (now < this.#nextAtMs) return
    this.#nextAtMs = now + everyMs
    try {
      const configured = this.#options.possible()
      const names = new Set(known.map((node) => node.name))
      for (const change of registrationChanges(configured, known).redefine) await this.#redefine(change)
      await keepFiles(this.#options.files, configured, known)
      this.#tell(
        registrationProblem(
          configured.filter((node) => names.has(node.name)),
          known,
          null,
        ),
      )
    } catch (thrown) {
      this.#tell(toCausewayError(thrown))
    }
  }

  #tell(problem: CausewayError | null): void {
    const text = problem?.message ?? ''
    if (problem && text !== this.#lastProblem) this.#options.onProblem(problem)
    this.#lastProblem = text
  }
}
