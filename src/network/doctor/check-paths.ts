import { addressFamily } from '../../base/ipv6.ts'
import type { Gateway, Overlay } from '../overlay.ts'
import { bad, type Finding, orOk, warning } from './finding.ts'
import type { Reading } from './reading.ts'

/** Whom the gateway reaches: each other gateway outside, at the path's MTU, and in the segment. */
export function checkPaths(overlay: Overlay, gateway: Gateway, reading: Reading): readonly Finding[] {
  const others = overlay.gateways.filter(({ name }) => name !== gateway.name)
  const found = others.flatMap((other) => [...checkPath(overlay, gateway, other, reading)])
  return orOk(
    found,
    'paths',
    `${others.length} other gateways are reached, with packets of ${overlay.underlayMtu} bytes too`,
  )
}

function* checkPath(
  overlay: Overlay,
  gateway: Gateway,
  other: Gateway,
  { paths, segment }: Reading,
): Generator<Finding> {
  const outside = paths.get(other.underlay) ?? 'none'
  const inside = segment.get(other.address) ?? false
  // Whoever is behind NAT has no address that could be called.
  const called = !other.nat && addressFamily(gateway.underlay) === addressFamily(other.underlay)
  if (outside === 'small') {
    yield bad(
      'MTU',
      `packets of ${overlay.underlayMtu} bytes do not get to ${other.name} (${other.underlay}), small ones do`,
      'set cluster.underlayMtu to what the path carries, or to "measured"; or let ICMP "fragmentation needed" through',
    )
  }
  if (inside) return
  const ports = overlay.encryption ? `UDP ${overlay.encryption.port} and ${overlay.encryption.port + 1}` : 'UDP 4789'
  if (outside !== 'none' || !called) {
    yield bad(
      'paths',
      `${other.name} does not answer in the segment (${other.address})${called ? ', though it does outside' : ''}`,
      `let ${ports} from ${gateway.underlay} through at ${other.name} and in between, and see that both gateways are applied`,
    )
  } else {
    yield warning(
      'paths',
      `${other.name} (${other.underlay}) answers neither outside nor in the segment`,
      `see whether it is up, its underlay address right, and ${ports} let through`,
    )
  }
}
