import type { Leaving, Machine } from '../driver.ts'
import type { Port } from './neutron.ts'
import type { Server } from './schemas.ts'

/** Nova's states in which a server runs, or is about to: https://docs.openstack.org/api-guide/compute/server_concepts.html */
const running: ReadonlySet<string> = new Set([
  'ACTIVE',
  'BUILD',
  'REBUILD',
  'REBOOT',
  'HARD_REBOOT',
  'PASSWORD',
  'MIGRATING',
  'RESIZE',
  'VERIFY_RESIZE',
  'REVERT_RESIZE',
])

/** Tasks at whose end a server does not run any more. */
const goingTasks: ReadonlySet<string> = new Set([
  'deleting',
  'soft-deleting',
  'powering-off',
  'suspending',
  'pausing',
  'shelving',
  'shelving_image_pending_upload',
  'shelving_image_uploading',
  'shelving_offloading',
])

/** The metadata that make a server one of ours. */
export function stampsOf(
  { id, name, cluster }: Pick<Machine, 'id' | 'name' | 'cluster'>,
  zone: string,
): Record<string, string> {
  return { causeway_id: id, causeway_name: name, causeway_cluster: cluster, causeway_zone: zone }
}

/** The tags by which Nova finds it, at most 60 characters each. */
export const idTag = (id: string): string => `causeway-id:${id}`
export const clusterTag = (cluster: string): string => `causeway-cluster:${cluster}`

/** The state of a server as a machine's. */
export function stateOf({ status }: Server): Machine['state'] {
  return running.has(status) ? 'running' : 'stopped'
}

/** A server as a machine; null for one that is not ours. */
export function machineOf(server: Server, port: Port | undefined, isBridged: boolean): Machine | null {
  const { causeway_id: id, causeway_name: name = '', causeway_cluster: cluster } = server.metadata ?? {}
  if (id === undefined || cluster === undefined) return null
  return {
    id,
    name,
    cluster,
    state: stateOf(server),
    createdAtMs: Date.parse(server.created ?? '') || 0,
    host: zoneOf(server),
    address: isBridged ? null : addressOf(port),
    leaving: leavingOf(server),
  }
}

/** The zone that has it, or, while it is being built, that is to have it; null: not known. */
export function zoneOf(server: Server): string | null {
  const zone = server['OS-EXT-AZ:availability_zone']
  return zone && zone !== 'UNKNOWN' ? zone : (server.metadata?.causeway_zone ?? null)
}

/** Whoever stops or deletes it, it is on its way. */
function leavingOf(server: Server): Leaving | null {
  const task = server['OS-EXT-STS:task_state']
  if (!task || !goingTasks.has(task)) return null
  return { atMs: Date.parse(server.updated ?? '') || 0, reason: `Nova is at it: ${task}` }
}

/** IPv4 first. */
function addressOf(port: Port | undefined): string | null {
  return port?.addresses.find((address) => !address.includes(':')) ?? port?.addresses[0] ?? null
}

/** Of machines with the same id, which should not be, the one that runs, or the eldest. */
export function oneOfEach(machines: readonly Machine[]): Machine[] {
  const chosen = new Map<string, Machine>()
  for (const machine of machines) {
    const other = chosen.get(machine.id)
    if (!other || isBetter(machine, other)) chosen.set(machine.id, machine)
  }
  return [...chosen.values()]
}

function isBetter(a: Machine, b: Machine): boolean {
  return a.state === b.state ? a.createdAtMs < b.createdAtMs : a.state === 'running'
}
