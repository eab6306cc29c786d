import type { ActualState } from './actual-state.ts'
import type { Batch } from './batch.ts'
import { diffAddresses } from './diff-addresses.ts'
import { diffForwarding } from './diff-forwarding.ts'
import { diffLinks } from './diff-links.ts'
import { diffNeighbours, pluggedLocals } from './diff-neighbours.ts'
import { diffPorts } from './diff-ports.ts'
import { diffSysctls, lacksIpv6 } from './diff-sysctls.ts'
import { diffTables } from './diff-tables.ts'
import type { GatewayState } from './gateway-state.ts'

/**
 * What must be told to a kernel that holds `actual` so that it holds `desired`: nothing at all when it does already.
 * Adds come before deletes. Ours is: the two devices with everything on them (addresses of the bridge only inside the
 * subnets), and the tables named for the VNI. Nothing else is touched.
 * @throws CausewayError `Conflict` when one of the two device names is taken by another kind of device.
 */
export function diff(actual: ActualState, desired: GatewayState): Batch {
  const links = diffLinks(actual, desired)
  const addressed = [...diffAddresses(actual, desired), ...diffNeighbours(actual, desired, links.bridgeAnew)]
  // A device without IPv6 refuses all that is IPv6 until its setting is changed.
  const isLater = lacksIpv6(actual, desired) ? isIpv6 : () => false
  return {
    ip: [...links.commands, ...diffPorts(actual, desired), ...addressed.filter((line) => !isLater(line))],
    bridge: diffForwarding(actual, desired, links),
    nft: diffTables(actual.tables, desired),
    sysctl: diffSysctls(actual, desired),
    ipLater: addressed.filter(isLater),
  }
}

/** The local members whose port is not on the bridge (yet): their forwarding entries can't be written. */
export function pendingMembers(actual: ActualState, desired: GatewayState): readonly string[] {
  const plugged = new Set(pluggedLocals(actual, desired))
  return desired.locals.filter((local) => !plugged.has(local)).map((local) => local.name)
}

/** Whether an address or neighbour line is about an IPv6 address: `neigh replace ADDRESS ...`. */
function isIpv6(line: string): boolean {
  return line.split(' ')[2]?.includes(':') ?? false
}
