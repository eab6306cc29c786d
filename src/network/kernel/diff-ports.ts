import type { ActualState } from './actual-state.ts'
import type { GatewayState } from './gateway-state.ts'

/**
 * Takes the local nodes' ports into the cluster's device group, which has its VNI's number: what is in no group has been
 * taken in by nobody and passes nothing, and what one cluster has taken in, another's guard leaves alone. And frames for a
 * MAC that nobody knows are flooded into them only where the overlay allows that: all members behind ports are known, and
 * else a node that joins two ports would make such a frame go round for ever.
 *
 * Ports that the administrator made and named otherwise stay as they are.
 */
export function diffPorts(actual: ActualState, { locals, bridge, vxlan, vni }: GatewayState): readonly string[] {
  const ports = new Set(locals.map((local) => local.port))
  const { flood } = vxlan.flags
  return actual.links
    .filter(({ name, master }) => master === bridge.name && ports.has(name) && name.startsWith('cwp'))
    .flatMap(({ name, group, portFlags }) => [
      ...(group === `${vni}` ? [] : [`link set dev ${name} group ${vni}`]),
      ...(portFlags?.flood === flood ? [] : [`link set dev ${name} type bridge_slave flood ${flood ? 'on' : 'off'}`]),
    ])
}

/** Lets all ports go that the cluster has taken in. */
export function releasePorts(actual: ActualState, vni: number): readonly string[] {
  return actual.links
    .filter((link) => link.name.startsWith('cwp') && link.group === `${vni}`)
    .map((link) => `link set dev ${link.name} group 0`)
}
