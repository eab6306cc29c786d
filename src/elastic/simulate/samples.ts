import type { Life } from './life.ts'
import type { Lives } from './lives.ts'
import type { SimulatedQueue } from './queue.ts'
import type { Sample } from './result.ts'

/** When there are more, every second one goes. */
const mostSamples = 3000

/** How things stood, over time: at every change at first, less and less often as the simulation goes on. */
export class Samples {
  readonly #lives: Lives
  readonly #queue: SimulatedQueue
  readonly #startMs: number
  #samples: Sample[] = []
  /** The least time between two, ms. */
  #everyMs = 0
  /** The last change that no sample shows yet; null if there is none. */
  #changedMs: number | null = null

  /** @param startMs when the trace began, ms since the epoch */
  constructor(lives: Lives, queue: SimulatedQueue, startMs: number) {
    this.#lives = lives
    this.#queue = queue
    this.#startMs = startMs
  }

  get all(): readonly Sample[] {
    return this.#samples
  }

  /** Time goes on to `nowMs`: how things stood since the last change is kept if that was long enough after the last sample. */
  before(nowMs: number): void {
    const changedMs = this.#changedMs
    const last = this.#samples.at(-1)
    if (changedMs === null || changedMs === nowMs) return
    if (last && nowMs - this.#startMs - last.atMs < this.#everyMs) return
    this.take(changedMs)
  }

  changed(nowMs: number): void {
    this.#changedMs = nowMs
  }

  /** How things stand now, as of `atMs`. */
  take(atMs: number): void {
    this.#changedMs = null
    this.#samples.push(this.#look(atMs))
    if (this.#samples.length <= mostSamples) return
    this.#samples = this.#samples.filter((_, i) => i % 2 === 0)
    this.#everyMs = (2 * (atMs - this.#startMs)) / mostSamples
  }

  #look(atMs: number): Sample {
    const nodes: Record<string, { coming: number; busy: number; idle: number; leaving: number }> = {}
    let cost = this.#lives.costOfOver
    for (const life of this.#lives.all) {
      nodes[life.site] ??= { coming: 0, busy: 0, idle: 0, leaving: 0 }
      const at = nodes[life.site]
      if (at) at[stateOf(life)]++
      cost += life.costIfEnded(atMs)
    }
    const { pending, placed } = this.#queue
    let waiting = pending.length
    let pendingNodes = 0
    let runningJobs = 0
    for (const job of pending) pendingNodes += job.nodeCount
    for (const job of placed) {
      if (job.state === 'running') runningJobs++
      else {
        waiting++
        pendingNodes += job.nodeCount
      }
    }
    return { atMs: atMs - this.#startMs, pendingJobs: waiting, pendingNodes, runningJobs, nodes, cost }
  }
}

function stateOf(life: Life): 'coming' | 'busy' | 'idle' | 'leaving' {
  switch (life.phase) {
    case 'ready':
      return life.isHeld ? 'busy' : 'idle'
    case 'draining':
    case 'failed':
    case 'deleting':
    case 'gone':
      return 'leaving'
    case 'planned':
    case 'creating':
    case 'booting':
    case 'installing':
    case 'enrolling':
      return 'coming'
  }
}
