import type { Job } from './demand.ts'

/** What of a job decides which nodes it could have. */
export type Wish = Pick<Job, 'features' | 'perNode' | 'partition'>

/** Remembers something for each wish: thousands of jobs share a few. No strings are made to look it up. */
export class ByWish<T> {
  readonly #known = new Map<string, Map<string, Map<number, T>>>()

  /** What is remembered for the wish, or what `make` makes of it the first time. */
  get(wish: Wish, make: () => T): T {
    const { partition, features } = wish
    let byFeatures = this.#known.get(partition)
    if (!byFeatures) this.#known.set(partition, (byFeatures = new Map()))
    let bySize = byFeatures.get(features)
    if (!bySize) byFeatures.set(features, (bySize = new Map()))
    const { cpus, memoryMiB, gpus } = wish.perNode
    // Distinct for up to 65 536 CPUs and 256 GPUs on a node; beyond that no node type fits anyway.
    const size = cpus + 65_536 * (gpus + 256 * memoryMiB)
    let known = bySize.get(size)
    if (known === undefined) bySize.set(size, (known = make()))
    return known
  }
}
