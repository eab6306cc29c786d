import { placementOf, usableTypesIn } from '../plan/context.ts'
import { takesWhole } from '../plan/pack-bins.ts'
import { type Policy, typeKey } from '../plan/policy.ts'
import type { NodePool } from './queue-node.ts'
import type { TraceJob } from './trace.ts'

/** What jobs have in common that could have the same nodes. */
export interface Wish {
  /** The pools to take all nodes from, preferred ones first: one entry, or one a site if a job must stay in one. */
  readonly areas: readonly (readonly NodePool[])[]
  /** Not all nodes from one site. */
  readonly spans: boolean
  /** The most nodes for such jobs that the policy allows. */
  readonly most: number
  /** The pass of the queue that these are about. */
  pass: number
  /** Jobs of so many nodes or more find none in this pass: any job, and one that is in the way of a reservation. */
  tooMany: number
  tooManyForLong: number
}

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
