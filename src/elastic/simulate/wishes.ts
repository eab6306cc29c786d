import { placementOf, usableTypesIn } from '../plan/context.ts'
import { takesWhole } from '../plan/pack-bins.ts'
import { type Policy, typeKey } from '../plan/policy.ts'
import type { NodePool, Wish } from './queue-model.ts'
import type { TraceJob } from './trace.ts'

/** The wishes under one policy: thousands of jobs share a few. */
export class Wishes {
  readonly #policy: Policy
  readonly #pools: ReadonlyMap<string, NodePool>
  readonly #usableTypes: ReturnType<typeof usableTypesIn>
  readonly #known = new Map<string, Wish>()

  /** @param pools by `typeKey` */
  constructor(policy: Policy, pools: ReadonlyMap<string, NodePool>) {
    this.#policy = policy
    this.#pools = pools
    this.#usableTypes = usableTypesIn(policy)
  }

  of(job: Pick<TraceJob, 'perNode' | 'exclusive' | 'features' | 'nodeCount'>, queue: string): Wish {
    const { cpus, memoryMiB, gpus } = job.perNode
    const key = `${cpus} ${memoryMiB} ${gpus} ${takesWhole(job)} ${job.nodeCount > 1} ${queue} ${job.features}`
    const known = this.#known.get(key)
    if (known) return known
    const asked = { perNode: job.perNode, partition: queue, features: job.features }
    const types = this.#usableTypes(asked)
    const pools = types.flatMap((type) => this.#pools.get(typeKey(type)) ?? [])
    const most = types.reduce((sum, type) => sum + type.maximum, 0)
    const { spread } = placementOf(asked, this.#policy)
    const sites = [...new Set(pools.map(({ site }) => site))]
    const areas =
      spread === 'one-site' && job.nodeCount > 1 ? sites.map((site) => pools.filter((p) => p.site === site)) : [pools]
    const spans = spread === 'must-span'
    const wish = { areas, spans, most, pass: 0, tooMany: Infinity, tooManyForLong: Infinity }
    this.#known.set(key, wish)
    return wish
  }
}
