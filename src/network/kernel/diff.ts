import type { ActualState } from './actual-state.ts'
import type { Batch } from './batch.ts'
import { diffForwarding } from './diff-forwarding.ts'
import { diffLinks, diffNeighbours } from './diff-links.ts'
import { diffTables } from './diff-tables.ts'
import type { GatewayState } from './gateway-state.ts'

/**
 * What must be told to a kernel that holds `actual` so that it holds `desired`: nothing at all when it does already.
 * Adds come before deletes. Ours is: the two devices with everything on them (addresses of the bridge only inside the
 * subnet), and the tables named for the VNI. Nothing else is touched.
 * @throws CausewayError `Conflict` when one of the two device names is taken by another kind of device.
 */
export function diff(actual: ActualState, desired: GatewayState): Batch {
  const links = diffLinks(actual, desired)
  return {
    ip: [...links.commands, ...diffNeighbours(actual, desired, links)],
    bridge: diffForwarding(actual, desired, links),
    nft: diffTables(actual.tables, desired),
    sysctl: Object.entries(desired.sysctls)
      .filter(([key, value]) => actual.sysctls[key] !== undefined && actual.sysctls[key] !== value)
      .map(([key, value]) => `${key}=${value}`),
  }
}

/** The local members whose port is not on the bridge (yet): their forwarding entries can't be written. */
export function pendingMembers(actual: ActualState, desired: GatewayState): readonly string[] {
  const ports = new Set(actual.links.filter((link) => link.master === desired.bridge.name).map((link) => link.name))
  return desired.locals.filter((local) => !ports.has(local.port)).map((local) => local.name)
}
