import type { Instance } from '@aws-sdk/client-ec2'
import { CausewayError } from '../../base/errors.ts'
import type { Leaving, Machine } from '../driver.ts'

/** The tags that machines, their disks and their network interfaces bear. */
export const tag = {
  id: 'causeway:id',
  name: 'causeway:name',
  cluster: 'causeway:cluster',
  site: 'causeway:site',
} as const

/**
 * How far an instance is: `ending` while it shuts down for good, when it may still be heard; `gone` once it is terminated,
 * though EC2 shows it for another hour.
 */
export type InstanceState = Machine['state'] | 'ending' | 'gone'

const states: Readonly<Record<string, InstanceState>> = {
  pending: 'running',
  running: 'running',
  stopping: 'stopped',
  stopped: 'stopped',
  'shutting-down': 'ending',
  terminated: 'gone',
}

/** EC2's names of the states in which a machine exists. */
export const livingStates = ['pending', 'running', 'stopping', 'stopped']

/** An instance that bears an id of ours. */
export interface Found {
  readonly instanceId: string
  readonly id: string
  readonly name: string
  readonly cluster: string
  readonly state: InstanceState
  readonly zone: string
  readonly launchedAtMs: number
  /** Its private IPv4 address; null when it has none any more. */
  readonly address: string | null
  readonly spot: boolean
  /** Network interfaces that still drop packets which do not bear their own address. */
  readonly checkedNics: readonly string[]
}

/**
 * What is of interest in an instance; null when it bears no id of ours.
 * @throws CausewayError `MalformedOutput`
 */
export function foundOf(instance: Instance): Found | null {
  const tags = new Map(instance.Tags?.map(({ Key, Value }) => [Key, Value]))
  const id = tags.get(tag.id)
  if (!id) return null
  const { InstanceId: instanceId, LaunchTime: launched, PrivateIpAddress: address } = instance
  const state = states[instance.State?.Name ?? '']
  const zone = instance.Placement?.AvailabilityZone
  const cluster = tags.get(tag.cluster)
  if (!instanceId || !state || !zone || cluster === undefined || !launched) {
    throw new CausewayError('MalformedOutput', `not an instance of ours that EC2 tells of: ${instanceId ?? id}`)
  }
  return {
    instanceId,
    id,
    name: tags.get(tag.name) ?? id,
    cluster,
    state,
    zone,
    launchedAtMs: launched.getTime(),
    address: address ?? null,
    spot: instance.InstanceLifecycle === 'spot',
    checkedNics: (instance.NetworkInterfaces ?? []).flatMap(({ NetworkInterfaceId, SourceDestCheck }) =>
      NetworkInterfaceId && SourceDestCheck === true ? [NetworkInterfaceId] : [],
    ),
  }
}

/** Whether it is there for `list`. */
export function isLiving({ state }: Found): boolean {
  return state === 'running' || state === 'stopped'
}

/** One of all that live with each id: a running one before a stopped one, then the oldest, so that everybody picks the same. */
export function oneOfEach(founds: readonly Found[]): Found[] {
  const rank = (found: Found) => (found.state === 'running' ? 0 : 1)
  const best = new Map<string, Found>()
  for (const found of founds.filter(isLiving)) {
    const other = best.get(found.id)
    const order =
      other &&
      (rank(found) - rank(other) ||
        found.launchedAtMs - other.launchedAtMs ||
        (found.instanceId < other.instanceId ? -1 : 1))
    if (order === undefined || order < 0) best.set(found.id, found)
  }
  return [...best.values()]
}

/** As the port tells of it. */
export function machineOf(found: Found, leaving: Leaving | null): Machine {
  const { id, name, cluster, zone, launchedAtMs, address } = found
  const state = found.state === 'running' ? 'running' : 'stopped'
  return { id, name, cluster, state, createdAtMs: launchedAtMs, host: zone, address, leaving }
}
