import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { tableName } from '../addressing.ts'
import { type DropKind, dropCounter, dropKinds, offenders } from './guard.ts'
import { parseCountedSet, parseCounters } from './parse-nft.ts'

/** What the guard of one gateway has dropped. */
export interface Drops {
  /** Frames by reason, since the table was made. */
  readonly kinds: Readonly<Record<DropKind, number>>
  /** Frames by port, of those ports that had any dropped within the last hour. */
  readonly ports: Readonly<Record<string, number>>
}

/**
 * Reads what the guard has dropped: two commands at the same time, one round trip.
 * @throws CausewayError as `Host.exec`; `NotFound` when there is no guard; `MalformedOutput`.
 */
export async function readDrops(host: Host, vni: number): Promise<Drops> {
  const table = ['bridge', tableName(vni)]
  const [counters, ports] = await Promise.all([
    host.exec(['nft', '-j', 'list', 'counters', 'table', ...table]),
    host.exec(['nft', '-j', 'list', 'set', ...table, offenders]),
  ])
  if (counters.code !== 0 || ports.code !== 0) {
    const said = (counters.stderr || ports.stderr).trim().slice(0, 500)
    throw new CausewayError('NotFound', `${host.name}: the guard of VNI ${vni} can't be read: ${said}`)
  }
  const packets = parseCounters(counters.stdout)
  return {
    kinds: Object.fromEntries(dropKinds.map((kind) => [kind, packets.get(dropCounter(kind)) ?? 0])) as Record<
      DropKind,
      number
    >,
    ports: Object.fromEntries(parseCountedSet(ports.stdout)),
  }
}
