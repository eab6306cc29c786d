import { bridgeName, joinName, tableName, towardName, vxlanName } from '../addressing.ts'
import type { ActualState } from './actual-state.ts'
import type { Batch } from './batch.ts'
import { releasePorts } from './diff-ports.ts'

/**
 * What removes a cluster from a kernel: its devices (their entries, neighbours and addresses go with them) and its tables.
 * A device of another kind under one of our names is someone else's. The nodes' ports stay; they belong to their machines.
 */
export function removal(actual: ActualState, vni: number): Batch {
  const ours = new Map([
    [vxlanName(vni), 'vxlan'],
    [joinName(vni), 'vxlan'],
    [towardName(vni), 'vxlan'],
    [bridgeName(vni), 'bridge'],
  ])
  const isOurs = (name: string, kind: string) => actual.links.some((link) => link.name === name && link.kind === kind)
  return {
    ip: [
      ...[...ours].filter(([name, kind]) => isOurs(name, kind)).map(([name]) => `link del dev ${name}`),
      ...releasePorts(actual, vni),
    ],
    bridge: [],
    nft: actual.tables
      .filter((table) => table.name === tableName(vni) && ['ip', 'ip6', 'bridge'].includes(table.family))
      .map((table) => `delete table ${table.family} ${table.name}`),
    sysctl: [],
    ipLater: [],
  }
}
