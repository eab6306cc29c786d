import type { ActualState } from './actual-state.ts'
import type { GatewayState } from './gateway-state.ts'

/**
 * Adds, corrects and then deletes the bridge's neighbours, IPv4 before IPv6: the bridge answers ARP and ND with them, and they
 * are the host's own table. Under BGP its daemon writes those of the remote members, and reads from the local members' ones,
 * which are ours, what to tell the other gateways.
 *
 * These lines come last in a batch: `ip` gives a batch up where a neighbour is refused, whatever `-force` says.
 * @param anew the bridge is created or gets its MAC, and with that loses its neighbours, permanent ones too
 */
export function diffNeighbours(actual: ActualState, desired: GatewayState, anew: boolean): readonly string[] {
  const { name } = desired.bridge
  const present = anew ? [] : actual.neighbours.filter((one) => one.device === name)
  const settled = new Map(present.filter((one) => one.permanent).map((one) => [one.address, one.mac] as const))
  const isStatic = desired.vxlan.mode === 'static'
  // Broadcasts don't reach those who have joined by themselves: for them, too, the bridge answers.
  const joined = desired.locals.filter((local) => typeof local.via === 'string')
  const wanted = macsOf(isStatic ? [...desired.remotes, ...joined] : pluggedLocals(actual, desired))
  // What a BGP daemon wrote is not permanent, and goes with it.
  const isLearned = isStatic ? (_: string, __: string, permanent: boolean) => !permanent : learnedFrom(desired)
  return [
    ...[...wanted]
      .filter(([address, mac]) => settled.get(address) !== mac)
      .map(([address, mac]) => `neigh replace ${address} lladdr ${mac} dev ${name} nud permanent`),
    ...present
      .filter(({ address, mac, permanent }) => !wanted.has(address) && !isLearned(address, mac, permanent))
      .map(({ address }) => `neigh del ${address} dev ${name}`)
      .sort(),
  ]
}

/** The local members whose port is on the bridge, and of those that have joined by themselves whose address is known. */
export function pluggedLocals(actual: ActualState, { bridge, join, locals }: GatewayState): GatewayState['locals'] {
  const ports = new Set(actual.links.filter((link) => link.master === bridge.name).map((link) => link.name))
  // Made in the same batch, before the entries.
  if (join) ports.add(join.from.name)
  return locals.filter((local) => ports.has(local.port) && local.via !== null)
}

interface Addressed {
  readonly mac: string
  readonly address: string
  readonly address6: string | null
}

/** The MAC behind each address. */
function macsOf(stations: readonly Addressed[]): ReadonlyMap<string, string> {
  const macs = new Map<string, string>()
  for (const { address, mac } of stations) macs.set(address, mac)
  for (const { address6, mac } of stations) if (address6 !== null) macs.set(address6, mac)
  return macs
}

/**
 * Tells the neighbours that are the BGP daemon's to delete, which are not permanent, or that it has yet to take over: an
 * address with the MAC that the overlay says. All else contradicts the overlay.
 */
function learnedFrom({ remotes }: GatewayState): (address: string, mac: string, permanent: boolean) => boolean {
  const known = macsOf(remotes)
  return (address, mac, permanent) => !permanent || known.get(address) === mac
}
