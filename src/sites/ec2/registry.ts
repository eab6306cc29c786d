import type { DescribeInstancesCommandInput, Filter } from '@aws-sdk/client-ec2'
import type { Clock } from '../../base/clock.ts'
import type { Ec2Api } from './client.ts'
import { type Found, foundOf, isLiving, livingStates, tag } from './instances.ts'

/**
 * Which instances there are. EC2 shows what was done only after a while, and not everywhere at once, so that this keeps in
 * mind for `visibleWithinMs` what this process did: what it made is there although EC2 does not show it yet, and what it saw
 * end does not come back.
 */
export class InstanceRegistry {
  readonly #api: Ec2Api
  readonly #clock: Clock
  readonly #visibleWithinMs: number
  /** Acts of which nobody here knows: those of a process before this one may be as young as this one is. */
  readonly #startedAtMs: number
  readonly #made = new Map<string, { readonly found: Found; readonly atMs: number }>()
  readonly #ended = new Map<string, { readonly atMs: number }>()
  readonly #unclear = new Map<string, { readonly atMs: number }>()

  constructor(options: { readonly api: Ec2Api; readonly clock: Clock; readonly visibleWithinMs: number }) {
    this.#api = options.api
    this.#clock = options.clock
    this.#visibleWithinMs = options.visibleWithinMs
    this.#startedAtMs = options.clock.now()
  }

  /** The living instances of a cluster that were made for a site. @throws CausewayError */
  async ofCluster(cluster: string, site: string): Promise<Found[]> {
    const askedAtMs = this.#clock.now()
    const shown = await this.#describe([
      { Name: `tag:${tag.cluster}`, Values: [cluster] },
      { Name: `tag:${tag.site}`, Values: [site] },
      { Name: 'instance-state-name', Values: livingStates },
    ])
    return this.#known(askedAtMs, shown, (found) => found.cluster === cluster).filter(isLiving)
  }

  /**
   * All instances that bear an id, also those that end or have ended lately; and whether EC2 must have shown by then whatever
   * may have been made for it.
   * @param first nobody asked for it before this process did
   * @throws CausewayError
   */
  async ofId(id: string, first = false): Promise<{ readonly founds: readonly Found[]; readonly settled: boolean }> {
    const askedAtMs = this.#clock.now()
    const shown = await this.#describe([{ Name: `tag:${tag.id}`, Values: [id] }])
    const lastActAtMs = Math.max(first ? 0 : this.#startedAtMs, this.#unclear.get(id)?.atMs ?? 0)
    return {
      founds: this.#known(askedAtMs, shown, (found) => found.id === id),
      settled: askedAtMs >= lastActAtMs + this.#visibleWithinMs,
    }
  }

  /** What EC2 says of one instance; null when it does not know it (yet). @throws CausewayError */
  async byInstance(instanceId: string): Promise<Found | null> {
    const [found] = await this.#describe([{ Name: 'instance-id', Values: [instanceId] }])
    return found ?? null
  }

  /** An instance was made, or was found to have been made. */
  made(found: Found): void {
    this.#made.set(found.instanceId, { found, atMs: this.#clock.now() })
    this.#unclear.delete(found.id)
  }

  /** Nobody can say whether an instance was made for this id. */
  unclear(id: string): void {
    this.#unclear.set(id, { atMs: this.#clock.now() })
  }

  async #describe(filters: Filter[]): Promise<Found[]> {
    const input: DescribeInstancesCommandInput = { Filters: filters, MaxResults: 1000 }
    const reservations = await this.#api.all('DescribeInstances', 'Reservations', (ec2, page) =>
      ec2.describeInstances({ ...input, ...page }),
    )
    return reservations.flatMap(({ Instances }) => Instances ?? []).flatMap((instance) => foundOf(instance) ?? [])
  }

  /** What EC2 showed, put right by what is in mind. However late the answer came, it is as old as the question. */
  #known(askedAtMs: number, shown: readonly Found[], ours: (found: Found) => boolean): Found[] {
    this.#forget(askedAtMs - this.#visibleWithinMs)
    for (const { instanceId, state } of shown) {
      if (state !== 'gone') continue
      this.#made.delete(instanceId)
      this.#ended.set(instanceId, { atMs: this.#clock.now() })
    }
    const seen = new Set(shown.map(({ instanceId }) => instanceId))
    const unseen = [...this.#made.values()].map(({ found }) => found)
    return [
      ...shown.map((found): Found => (this.#ended.has(found.instanceId) ? { ...found, state: 'gone' } : found)),
      ...unseen.filter((found) => ours(found) && !seen.has(found.instanceId) && !this.#ended.has(found.instanceId)),
    ]
  }

  #forget(before: number): void {
    for (const acts of [this.#made, this.#ended, this.#unclear]) {
      for (const [key, { atMs }] of acts) if (atMs < before) acts.delete(key)
    }
  }
}
