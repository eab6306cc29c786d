import type { ActualState, ForwardingEntry } from './actual-state.ts'
import type { LinkChanges } from './diff-links.ts'
import type { GatewayState } from './gateway-state.ts'

/**
 * The forwarding entries: for each remote member which gateway it is behind (the VXLAN device's own entries) and that the
 * VXLAN device leads to it (the bridge's); for each local member its port; and the bridge's own MAC, without which the
 * gateway would not hear what is addressed to it. A MAC has one entry in each of the two lists, so writing it with
 * `replace` also moves it. The bridge's entries are sticky: a member can't steal another's MAC by sending with it.
 */
export function diffForwarding(actual: ActualState, desired: GatewayState, links: LinkChanges): readonly string[] {
  const tunnels = diffTunnels(actual, desired, links)
  const ports = diffPorts(actual, desired, links)
  return [...ownMac(actual, desired, links), ...tunnels.adds, ...ports.adds, ...ports.deletes, ...tunnels.deletes]
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

function diffTunnels(actual: ActualState, desired: GatewayState, links: LinkChanges): Changes {
  const { name } = desired.vxlan
  const isOurs = (one: ForwardingEntry) => one.device === name && one.master === null && one.dst !== null
  const present = links.vxlanAnew ? [] : actual.forwarding.filter(isOurs)
  const dstOf = new Map(present.map((one) => [one.mac, one.dst] as const))
  const wanted = new Set(desired.remotes.map((remote) => remote.mac))
  return {
    adds: desired.remotes
      .filter((remote) => dstOf.get(remote.mac) !== remote.underlay)
      .map((remote) => `fdb replace ${remote.mac} dev ${name} dst ${remote.underlay} self static`),
    deletes: present
      .filter((one) => !wanted.has(one.mac))
      .map((one) => `fdb del ${one.mac} dev ${name} dst ${one.dst} self`),
  }
}

function diffPorts(actual: ActualState, desired: GatewayState, links: LinkChanges): Changes {
  const bridge = desired.bridge.name
  const vxlan = desired.vxlan.name
  const gone = (one: ForwardingEntry) => links.vxlanAnew && one.device === vxlan
  const present = actual.forwarding.filter((one) => one.master === bridge && one.state === 'static' && !gone(one))
  const entryOf = new Map(present.map((one) => [one.mac, one] as const))
  const plugged = new Set(actual.links.filter((link) => link.master === bridge).map((link) => link.name))
  const wanted = [
    ...desired.remotes.map((remote) => ({ mac: remote.mac, device: vxlan })),
    ...desired.locals
      .filter((local) => plugged.has(local.port))
      .map((local) => ({ mac: local.mac, device: local.port })),
  ]
  const wantedMacs = new Set(wanted.map((one) => one.mac))
  return {
    adds: wanted
      .filter(({ mac, device }) => entryOf.get(mac)?.device !== device || entryOf.get(mac)?.sticky !== true)
      .map(({ mac, device }) => `fdb replace ${mac} dev ${device} master static sticky`),
    deletes: present
      .filter((one) => !wantedMacs.has(one.mac))
      .map((one) => `fdb del ${one.mac} dev ${one.device} master`),
  }
}
