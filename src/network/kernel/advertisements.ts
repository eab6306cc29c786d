import { execChecked } from '../../base/exec.ts'
import type { Host } from '../../base/host.ts'
import { joinName, towardName } from '../addressing.ts'
import type { ActualState } from './actual-state.ts'
import type { GatewayState } from './gateway-state.ts'
import { parseSysctls } from './parse.ts'

/*
 * A host that begins to forward IPv6 stops to take router advertisements, and drops the default routes that it has from them
 * at once: a gateway could lose the way to its own WAN. `accept_ra=2` says of a device that it goes on taking them.
 */

const forwarding = 'net.ipv6.conf.all.forwarding'

/** Reads what is needed beside the rest where the host is to begin to forward; the same state in all other cases. */
export async function withAdvertisements(host: Host, actual: ActualState, desired: GatewayState): Promise<ActualState> {
  const devices = begins(actual, desired) ? standing(actual, desired) : []
  if (devices.length === 0) return actual
  const keys = devices.flatMap((device) => [keyOf(device, 'accept_ra'), keyOf(device, 'forwarding')])
  const sysctls = parseSysctls(await execChecked(host, ['sysctl', '-e', ...keys]))
  return { ...actual, sysctls: { ...actual.sysctls, ...sysctls } }
}

/** The settings to write before the host forwards: those of devices that take advertisements now. */
export function keptAdvertisements(actual: ActualState, desired: GatewayState): readonly string[] {
  if (!begins(actual, desired)) return []
  return standing(actual, desired)
    .filter((device) => actual.sysctls[keyOf(device, 'accept_ra')] === '1')
    .filter((device) => actual.sysctls[keyOf(device, 'forwarding')] === '0')
    .map((device) => `${keyOf(device, 'accept_ra')}=2`)
}

function begins(actual: ActualState, desired: GatewayState): boolean {
  return desired.sysctls[forwarding] === '1' && actual.sysctls[forwarding] === '0'
}

/** The devices that can have routes of their own: no bridge's ports, and none of ours, which may be made anew just now. */
function standing({ links }: ActualState, { bridge, vxlan, vni }: GatewayState): readonly string[] {
  const passedOver = ['lo', bridge.name, vxlan.name, joinName(vni), towardName(vni)]
  return links.filter(({ name, master }) => master === null && !passedOver.includes(name)).map(({ name }) => name)
}

/** A device's setting. In sysctl's language a dot in a device's name is a slash. */
function keyOf(device: string, setting: string): string {
  return `net.ipv6.conf.${device.replaceAll('.', '/')}.${setting}`
}
