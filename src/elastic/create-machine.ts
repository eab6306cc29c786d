import type { Clock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import type { Driver, MachineSpec } from '../sites/driver.ts'
import type { Drain } from '../store/drain-store.ts'
import type { NodeRecord } from '../store/node-record.ts'
import type { Cause, NodeStore } from '../store/node-store.ts'
import type { NetworkKeeper } from './network-keeper.ts'
import { headGateway } from './overlay-from-nodes.ts'
import type { Registration, Scheduler } from './scheduler.ts'
import { hashToken } from './tokens.ts'

/** What making a machine needs. */
export interface MachineMaker {
  readonly clock: Clock
  readonly nodes: NodeStore
  readonly scheduler: Scheduler
  readonly drivers: ReadonlyMap<string, Driver>
  readonly network: NetworkKeeper
  /** Ids of lives that this process began, and whose machine no driver was asked for yet. */
  readonly unasked: Set<string>
  /** Says to the network keeper what the overlay must be for the nodes that are in the store now. */
  wantOverlay(): Promise<void>
  /** Sites and hosts that are to be empty. */
  drains(): Promise<readonly Drain[]>
  /** The machine for a node, with the token that its reports must carry in the seed. */
  machineSpec(node: NodeRecord, token: string): MachineSpec
  /** What the scheduler has to know of a node; null when the configuration has no place for it. */
  registration(node: Pick<NodeRecord, 'name' | 'site' | 'type'>): Registration | null
  /** The token of a life; the same for the same id. */
  tokenFor(id: string): string
}

/** What is said of a life that comes into `creating`. */
export function creating({ site }: Pick<NodeRecord, 'site'>): Cause {
  return { code: 'Creating', text: `its machine is being made at ${site}` }
}

/**
 * From intent to a started machine: `creating` is committed with the hash of the token, then the overlay knows the node's MAC and
 * address, then (where Causeway places the jobs) the scheduler knows the node, then the machine is made. Every line may be the last before a crash: the next run does it again, by the same id.
 *
 * A life that was begun in `creating` has all its intent in the store; then `wantOverlay` must have been called since.
 */
export async function createMachine(node: NodeRecord, tools: MachineMaker): Promise<void> {
  const { clock, nodes, scheduler, drivers, network } = tools
  const driver = drivers.get(node.site)
  if (!driver) throw new CausewayError('NotFound', `site ${node.site} is not in the configuration`)
  const token = tools.tokenFor(node.id)
  if (node.phase === 'planned') {
    await nodes.setTokenHash(node.id, hashToken(token))
    if (!(await nodes.move(node.id, ['planned'], 'creating', creating(node), clock.now()))) return
    tools.unasked.add(node.id)
    await tools.wantOverlay()
  }
  if (scheduler.capabilities.places === 'causeway') await scheduler.register([tools.registration(node) ?? []].flat())
  await network.settled([headGateway, node.site])
  const avoidHosts = (await tools.drains()).flatMap(({ site, host }) =>
    site === node.site && host !== null ? [host] : [],
  )
  const spec = tools.machineSpec(node, token)
  const { host, address } = await driver.create({ ...spec, avoidHosts, first: tools.unasked.delete(node.id) })
  const created: Cause =
    host === null
      ? { code: 'Created', text: 'its machine has started' }
      : { code: 'Created', text: `its machine has started on ${host}`, facts: { host } }
  await nodes.move(node.id, ['creating'], 'booting', created, clock.now(), {
    ...(host === null ? {} : { host }),
    ...(address === null ? {} : { address }),
  })
}
