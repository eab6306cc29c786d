import { bridgeName } from '../addressing.ts'
import type { ActualState } from './actual-state.ts'
import { keptAdvertisements } from './advertisements.ts'
import type { GatewayState } from './gateway-state.ts'

/**
 * The kernel settings to write, as `key=value`, in the order in which they must be. A setting that the kernel does not have is
 * left out.
 */
export function diffSysctls(actual: ActualState, desired: GatewayState): readonly string[] {
  const wrong = Object.entries(desired.sysctls).filter(([key, value]) => {
    const present = settingOf(actual, desired.vni, key)
    return present !== null && present !== value
  })
  return [...keptAdvertisements(actual, desired), ...wrong.map(([key, value]) => `${key}=${value}`)]
}

/** Whether the bridge is, or is going to be made, without IPv6, though the cluster needs it. */
export function lacksIpv6(actual: ActualState, { vni, subnet6 }: GatewayState): boolean {
  return subnet6 !== null && settingOf(actual, vni, `net.ipv6.conf.${bridgeName(vni)}.disable_ipv6`) === '1'
}

/** A setting's value, null if the kernel has none. A bridge that is yet to be made will have what new devices start with. */
function settingOf({ sysctls }: ActualState, vni: number, key: string): string | null {
  return sysctls[key] ?? sysctls[key.replace(`.${bridgeName(vni)}.`, '.default.')] ?? null
}
