import { CausewayError } from '../../base/errors.ts'
import type { ActualState, Link, PortFlags } from './actual-state.ts'
import { type GatewayState, vxlanPort } from './gateway-state.ts'

/** What happens to the devices: the commands, and which of the device's own entries the kernel starts anew with. */
export interface LinkChanges {
  readonly commands: readonly string[]
  /**
   * The bridge is created or gets its MAC: the kernel then writes the entry for that MAC by itself, and a device that
   * changes its MAC loses its neighbours, permanent ones too.
   */
  readonly bridgeAnew: boolean
  /** The VXLAN device is created (again): it starts without entries. */
  readonly vxlanAnew: boolean
}

/** Brings the bridge and the VXLAN device into being and into shape. @throws CausewayError `Conflict`, as `diff`. */
export function diffLinks(actual: ActualState, desired: GatewayState): LinkChanges {
  const bridge = deviceOf(actual, desired.bridge.name, 'bridge')
  const vxlan = deviceOf(actual, desired.vxlan.name, 'vxlan')
  const vxlanFits = vxlan !== null && isVxlanOf(vxlan, desired) && !hasDaemons(actual, desired)
  return {
    commands: [
      ...createBridge(bridge, desired),
      ...(vxlanFits ? shapeMtu(vxlan, desired.vxlan) : recreateVxlan(vxlan, desired)),
      ...shapePort(vxlanFits ? vxlan : null, desired),
      // After the port has joined: until its MTU is set, a bridge takes on the smallest of its ports' MTUs.
      ...shapeMtu(bridge, desired.bridge),
      ...raise(vxlanFits ? vxlan : null, desired.vxlan.name),
      ...raise(bridge, desired.bridge.name),
    ],
    bridgeAnew: bridge === null || bridge.mac !== desired.bridge.mac,
    vxlanAnew: !vxlanFits,
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
function isVxlanOf({ vxlan }: Link, desired: GatewayState): boolean {
  return (
    vxlan?.vni === desired.vni &&
    vxlan.local === desired.vxlan.local &&
    vxlan.port === vxlanPort &&
    vxlan.remote === null &&
    !vxlan.learning
  )
}

/**
 * Whether a BGP daemon that is not wanted any more left entries. Its mark can't be taken off them, so the device is made anew,
 * with all of ours: that also does not depend on what the daemon still does before it ends.
 */
function hasDaemons({ forwarding }: ActualState, { vxlan: { name, mode } }: GatewayState): boolean {
  return mode === 'static' && forwarding.some((one) => one.device === name && one.master !== null && one.learned)
}

function recreateVxlan(vxlan: Link | null, desired: GatewayState): readonly string[] {
  const { name, mtu, local } = desired.vxlan
  const device = `link add name ${name} mtu ${mtu} type vxlan id ${desired.vni} local ${local} dstport ${vxlanPort}`
  // Delete first, for once: neither the name nor the VNI can be there twice.
  return [...(vxlan === null ? [] : [`link del dev ${name}`]), `${device} nolearning`]
}

function shapePort(vxlan: Link | null, desired: GatewayState): readonly string[] {
  const { name, flags: wanted } = desired.vxlan
  const joined = vxlan?.master === desired.bridge.name
  const keys = Object.keys(wanted) as (keyof PortFlags)[]
  const flags = joined ? vxlan.portFlags : null
  const wrong = keys.filter((key) => flags?.[key] !== wanted[key])
  const settings = wrong.map((key) => `${key} ${wanted[key] ? 'on' : 'off'}`)
  return [
    ...(joined ? [] : [`link set dev ${name} master ${desired.bridge.name}`]),
    ...(wrong.length === 0 ? [] : [`link set dev ${name} type bridge_slave ${settings.join(' ')}`]),
  ]
}

function shapeMtu(link: Link | null, desired: { readonly name: string; readonly mtu: number }): readonly string[] {
  return link?.mtu === desired.mtu ? [] : [`link set dev ${desired.name} mtu ${desired.mtu}`]
}

function raise(link: Link | null, name: string): readonly string[] {
  return link?.up === true ? [] : [`link set dev ${name} up`]
}
