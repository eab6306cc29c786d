import { CausewayError } from '../../base/errors.ts'
import { joinName, towardName } from '../addressing.ts'
import type { ActualState, Link, PortFlags } from './actual-state.ts'
import { type GatewayState, type VxlanDevice, vxlanPort } from './gateway-state.ts'

/** What happens to the devices: the commands, and which of the device's own entries the kernel starts anew with. */
export interface LinkChanges {
  readonly commands: readonly string[]
  /**
   * The bridge is created or gets its MAC: the kernel then writes the entry for that MAC by itself, and a device that
   * changes its MAC loses its neighbours, permanent ones too.
   */
  readonly bridgeAnew: boolean
  /** The devices that are created (again), or deleted: none of their entries is there any more. */
  readonly emptied: ReadonlySet<string>
}

/** Brings the bridge and the VXLAN devices into being and into shape. @throws CausewayError `Conflict`, as `diff`. */
export function diffLinks(actual: ActualState, desired: GatewayState): LinkChanges {
  const bridge = deviceOf(actual, desired.bridge.name, 'bridge')
  const vxlan = diffVxlan(actual, desired, { ...desired.vxlan, port: vxlanPort }, !hasDaemons(actual, desired))
  const { join, vni } = desired
  const joins = join === null ? [] : [join.from, join.toward].map((one) => diffVxlan(actual, desired, one, true))
  const former = join ? [] : [joinName(vni), towardName(vni)].flatMap((name) => deviceOf(actual, name, 'vxlan') ?? [])
  return {
    commands: [
      ...createBridge(bridge, desired),
      ...vxlan.shape,
      ...joins.flatMap(({ shape }) => shape),
      // After the ports have joined: until its MTU is set, a bridge takes on the smallest of its ports' MTUs.
      ...shapeMtu(bridge, desired.bridge),
      ...vxlan.raise,
      ...joins.flatMap(({ raise }) => raise),
      ...raise(bridge, desired.bridge.name),
      ...former.map(({ name }) => `link del dev ${name}`),
    ],
    bridgeAnew: bridge === null || bridge.mac !== desired.bridge.mac,
    emptied: new Set([
      ...[vxlan, ...joins].flatMap((device) => (device.isAnew ? [device.name] : [])),
      ...former.map(({ name }) => name),
    ]),
  }
}

/** What a VXLAN device needs; where it does not fit, or may not stay, it is made anew. */
function diffVxlan(actual: ActualState, desired: GatewayState, wanted: VxlanDevice, mayStay: boolean) {
  const device = deviceOf(actual, wanted.name, 'vxlan')
  const fits = device !== null && mayStay && isVxlanOf(device, desired.vni, wanted)
  const found = fits ? device : null
  return {
    name: wanted.name,
    isAnew: !fits,
    shape: [
      ...(fits ? shapeMtu(device, wanted) : recreateVxlan(device, desired.vni, wanted)),
      ...shapePort(found, desired.bridge.name, wanted),
    ],
    raise: raise(found, wanted.name),
  }
}

/** The device of that name, null if there is none. @throws CausewayError `Conflict` when it is of another kind. */
function deviceOf(actual: ActualState, name: string, kind: string): Link | null {
  const link = actual.links.find((one) => one.name === name)
  if (link === undefined) return null
  if (link.kind !== kind) {
    const is = link.kind ?? 'plain'
    throw new CausewayError('Conflict', `the device ${name} is no ${kind} but a ${is} device: remove or rename it`)
  }
  return link
}

function createBridge(bridge: Link | null, desired: GatewayState): readonly string[] {
  const { name, mac } = desired.bridge
  const options = 'type bridge stp_state 0 mcast_snooping 0'
  if (bridge === null) return [`link add name ${name} address ${mac} ${options}`]
  const commands: string[] = []
  if (bridge.mac !== mac) commands.push(`link set dev ${name} address ${mac}`)
  if (bridge.bridge?.stp !== false || bridge.bridge.multicastSnooping) commands.push(`link set dev ${name} ${options}`)
  return commands
}

/** What can't be changed on a living VXLAN device; where it differs, the device is made anew. */
function isVxlanOf({ vxlan }: Link, vni: number, { local, port }: VxlanDevice): boolean {
  return vxlan?.vni === vni && vxlan.local === local && vxlan.port === port && vxlan.remote === null && !vxlan.learning
}

/**
 * Whether a BGP daemon that is not wanted any more left entries. Its mark can't be taken off them, so the device is made anew,
 * with all of ours: that also does not depend on what the daemon still does before it ends.
 */
function hasDaemons({ forwarding }: ActualState, { vxlan: { name, mode } }: GatewayState): boolean {
  return mode === 'static' && forwarding.some((one) => one.device === name && one.master !== null && one.learned)
}

function recreateVxlan(device: Link | null, vni: number, { name, mtu, local, port }: VxlanDevice): readonly string[] {
  const made = `link add name ${name} mtu ${mtu} type vxlan id ${vni} local ${local} dstport ${port}`
  // Delete first, for once: neither the name nor the VNI can be there twice.
  return [...(device === null ? [] : [`link del dev ${name}`]), `${made} nolearning`]
}

function shapePort(device: Link | null, bridge: string, { name, flags: wanted }: VxlanDevice): readonly string[] {
  const joined = device?.master === bridge
  const keys = Object.keys(wanted) as (keyof PortFlags)[]
  const flags = joined ? device.portFlags : null
  const wrong = keys.filter((key) => flags?.[key] !== wanted[key])
  const settings = wrong.map((key) => `${key} ${wanted[key] ? 'on' : 'off'}`)
  return [
    ...(joined ? [] : [`link set dev ${name} master ${bridge}`]),
    ...(wrong.length === 0 ? [] : [`link set dev ${name} type bridge_slave ${settings.join(' ')}`]),
  ]
}

function shapeMtu(link: Link | null, desired: { readonly name: string; readonly mtu: number }): readonly string[] {
  return link?.mtu === desired.mtu ? [] : [`link set dev ${desired.name} mtu ${desired.mtu}`]
}

function raise(link: Link | null, name: string): readonly string[] {
  return link?.up === true ? [] : [`link set dev ${name} up`]
}
