import type { ActualState } from './actual-state.ts'
import type { GatewayState } from './gateway-state.ts'

/**
 * Takes the local members' ports into the cluster's device group, which has its VNI's number. A node's port that is in no
 * group passes nothing, for no cluster has taken it in; and what one cluster has taken in, another's guard leaves alone.
 * Ports that the administrator made and named otherwise stay as they are.
 */
export function diffPorts(actual: ActualState, { locals, bridge, vni }: GatewayState): readonly string[] {
  const ports = new Set(locals.map((local) => local.port))
  return actual.links
    .filter((link) => link.master === bridge.name && ports.has(link.name))
    .filter((link) => link.name.startsWith('cwp') && link.group !== `${vni}`)
    .map((link) => `link set dev ${link.name} group ${vni}`)
}

/** Lets all ports go that the cluster has taken in. */
export function releasePorts(actual: ActualState, vni: number): readonly string[] {
  return actual.links
    .filter((link) => link.name.startsWith('cwp') && link.group === `${vni}`)
    .map((link) => `link set dev ${link.name} group 0`)
}
