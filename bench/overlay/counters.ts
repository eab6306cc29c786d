import { Type } from 'typebox'
import { reader } from '../../src/network/json-reader.ts'

const Counter = Type.Object({ name: Type.String(), packets: Type.Number() })
const read = reader('nft', Type.Object({ nftables: Type.Array(Type.Object({ counter: Type.Optional(Counter) })) }))

/**
 * Packets by counter, from what `nft -j list counters` printed.
 * @throws CausewayError `MalformedOutput`.
 */
export function parseCounters(json: string): Map<string, number> {
  return new Map(read(json).nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets]] : [])))
}
