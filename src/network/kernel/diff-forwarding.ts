import { joinPort } from '../addressing.ts'
import type { ActualState, ForwardingEntry } from './actual-state.ts'
import type { LinkChanges } from './diff-links.ts'
import { pluggedLocals } from './diff-neighbours.ts'
import type { GatewayState, Local } from './gateway-state.ts'

/** The MAC under which a VXLAN device keeps whom to send what is for nobody it knows. */
const everyone = '00:00:00:00:00:00'

/**
 * The forwarding entries: for each remote member which gateway it is behind (the VXLAN device's own entries) and that the
 * VXLAN device leads to it (the bridge's); for each local member its port; and the bridge's own MAC, without which the
 * gateway would not hear what is addressed to it. A MAC has one entry in each of the two lists, so writing it with
 * `replace` also moves it. The bridge's entries are sticky: a member can't steal another's MAC by sending with it. Deletes are
 * sorted: the kernel lists its entries in an order of its own.
 *
 * Under BGP its daemon writes the remote members' entries and deletes what it wrote. We only delete what others left there
 * that contradicts the overlay, which the daemon would leave alone for ever.
 */
export function diffForwarding(actual: ActualState, desired: GatewayState, links: LinkChanges): readonly string[] {
  const isAnew = links.emptied.has(desired.vxlan.name)
  const known = isAnew ? new Map<string, string[]>() : destinations(actual, desired.vxlan.name)
  const tunnels = diffTunnels(isAnew ? known : withoutDaemons(actual, desired, known), desired)
  const joined = diffJoined(actual, desired, links)
  const ports = diffPorts(actual, desired, links, known)
  return [
    ...ownMac(actual, desired, links),
    ...tunnels.adds,
    ...joined.adds,
    ...ports.adds,
    ...ports.deletes,
    ...joined.deletes,
    ...tunnels.deletes,
  ]
}

interface Changes {
  readonly adds: readonly string[]
  readonly deletes: readonly string[]
}

function ownMac(actual: ActualState, { bridge }: GatewayState, links: LinkChanges): readonly string[] {
  const present = actual.forwarding.some(
    (one) => one.mac === bridge.mac && one.master === bridge.name && one.state === 'permanent',
  )
  return links.bridgeAnew || present ? [] : [`fdb replace ${bridge.mac} dev ${bridge.name} self permanent`]
}

/** The destinations of each MAC that a VXLAN device knows. */
function destinations(actual: ActualState, device: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { mac, device: at, master, dst } of actual.forwarding) {
    if (at !== device || master !== null || dst === null) continue
    const known = found.get(mac)
    if (known === undefined) found.set(mac, [dst])
    else known.push(dst)
  }
  return found
}

/** Of a VXLAN device's destinations those that the BGP daemon did not write, which marks its MACs in the bridge's list. */
function withoutDaemons(
  { forwarding }: ActualState,
  { vxlan }: GatewayState,
  known: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  if (vxlan.mode === 'static') return known
  const learned = new Set(forwarding.filter((one) => one.device === vxlan.name && one.learned).map((one) => one.mac))
  return new Map([...known].filter(([mac]) => !learned.has(mac)))
}

/** The VXLAN device's own entries: where to send what is for a MAC, and for all zeros whom to flood. */
function diffTunnels(known: ReadonlyMap<string, readonly string[]>, desired: GatewayState): Changes {
  const { name, mode, floods } = desired.vxlan
  const flooded = known.get(everyone) ?? []
  const endpointOf = new Map(desired.remotes.map((remote) => [remote.mac, remote.endpoint] as const))
  const gateways = new Set(mode === 'evpn' ? endpointOf.values() : floods)
  const isWrong = (mac: string, dst: string) =>
    mac === everyone ? !gateways.has(dst) : mode === 'static' ? !endpointOf.has(mac) : endpointOf.get(mac) !== dst
  const deletes = [...known]
    .flatMap(([mac, dsts]) =>
      dsts.filter((dst) => isWrong(mac, dst)).map((dst) => `fdb del ${mac} dev ${name} dst ${dst} self`),
    )
    .sort()
  if (mode === 'evpn') return { adds: [], deletes }
  return {
    adds: [
      ...desired.remotes
        // `replace` leaves one destination of however many.
        .filter(({ mac, endpoint }) => known.get(mac)?.length !== 1 || known.get(mac)?.[0] !== endpoint)
        .map(({ mac, endpoint }) => `fdb replace ${mac} dev ${name} dst ${endpoint} self static`),
      ...floods
        .filter((endpoint) => !flooded.includes(endpoint))
        .map((endpoint) => `fdb append ${everyone} dev ${name} dst ${endpoint} self permanent`),
    ],
    deletes,
  }
}

/** The entries of the devices by which nodes join: where to send what is for each of them. */
function diffJoined(actual: ActualState, { join, locals }: GatewayState, links: LinkChanges): Changes {
  if (join === null) return { adds: [], deletes: [] }
  const wanted = new Map(locals.flatMap(({ mac, via }) => (typeof via === 'string' ? [[mac, via] as const] : [])))
  const changes = [join.from, join.toward].map(({ name, port }): Changes => {
    const known = links.emptied.has(name) ? new Map<string, string[]>() : destinations(actual, name)
    const to = (via: string) => `dst ${via}${port === joinPort ? '' : ` port ${joinPort}`} self`
    return {
      adds: [...wanted]
        .filter(([mac, via]) => known.get(mac)?.length !== 1 || known.get(mac)?.[0] !== via)
        .map(([mac, via]) => `fdb replace ${mac} dev ${name} ${to(via)} static`),
      deletes: [...known]
        .filter(([mac]) => !wanted.has(mac))
        .flatMap(([mac, dsts]) => dsts.map((dst) => `fdb del ${mac} dev ${name} ${to(dst)}`))
        .sort(),
    }
  })
  return { adds: changes.flatMap(({ adds }) => adds), deletes: changes.flatMap(({ deletes }) => deletes) }
}

/** The bridge's entries: behind which of its ports a MAC is. */
function diffPorts(
  actual: ActualState,
  desired: GatewayState,
  links: LinkChanges,
  known: ReadonlyMap<string, readonly string[]>,
): Changes {
  const bridge = desired.bridge.name
  const { name: vxlan, mode } = desired.vxlan
  const isThere = (one: ForwardingEntry) =>
    one.master === bridge && (one.state === 'static' || one.learned) && !links.emptied.has(one.device)
  const present = actual.forwarding.filter(isThere)
  const entryOf = new Map(present.map((one) => [one.mac, one] as const))
  const wanted = [
    ...(mode === 'static' ? desired.remotes.map(({ mac }) => ({ mac, device: vxlan })) : []),
    ...pluggedLocals(actual, desired).map((local) => ({ mac: local.mac, device: leadsTo(local, desired) })),
  ]
  const isSame = (one: ForwardingEntry | undefined, device: string) =>
    one?.device === device && one.sticky && one.state === 'static'
  const wantedMacs = new Set(wanted.map((one) => one.mac))
  const isLearned = mode === 'static' ? () => false : learnedFrom(desired, known)
  return {
    adds: wanted
      .filter(({ mac, device }) => !isSame(entryOf.get(mac), device))
      .map(({ mac, device }) => `fdb replace ${mac} dev ${device} master static sticky`),
    deletes: present
      .filter((one) => !wantedMacs.has(one.mac) && !isLearned(one))
      .map((one) => `fdb del ${one.mac} dev ${one.device} master`)
      .sort(),
  }
}

/** The bridge's port that leads to a member behind this gateway. */
function leadsTo({ port, via }: Local, { join }: GatewayState): string {
  return via === undefined || join === null ? port : join.toward.name
}

/**
 * Tells the entries that the BGP daemon wrote, or has yet to take over. One without the device's own entry for its MAC is half
 * of what the daemon wrote: when it is gone, the daemon notices, and writes both again.
 */
function learnedFrom(
  { vxlan, remotes }: GatewayState,
  known: ReadonlyMap<string, readonly string[]>,
): (entry: ForwardingEntry) => boolean {
  const endpointOf = new Map(remotes.map((remote) => [remote.mac, remote.endpoint] as const))
  return ({ mac, device, learned }) =>
    device === vxlan.name && (learned ? known.has(mac) : known.get(mac)?.includes(endpointOf.get(mac) ?? '') === true)
}
