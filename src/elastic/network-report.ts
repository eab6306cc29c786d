import type { CausewayError } from '../base/errors.ts'
import { segmentMtu } from '../network/addressing.ts'
import type { PathReport } from '../network/health/path-monitor.ts'
import type { Overlay } from '../network/overlay.ts'
import type { GatewayState } from './network-keeper.ts'

/** `GET /v1/network/keys`. Named here for those above, who know nothing of the network's own parts. */
export type { KeyReport } from '../network/wireguard/key-report.ts'

/** The overlay and the paths between its gateways, as plain data. Lengths are bytes. */
export interface NetworkReport {
  readonly vni: number
  readonly subnet: string
  readonly mode: Overlay['mode']['kind']
  /** The generation of the keys in use; null where the overlay is not encrypted. */
  readonly generation: number | null
  /** MTU of the path between gateways, as it is reckoned with, and of nodes. */
  readonly underlayMtu: number
  readonly mtu: number
  readonly gateways: readonly {
    readonly name: string
    readonly underlay: string
    readonly address: string
    readonly state: GatewayState
    /** Why it is not as wanted; '' if it is. */
    readonly trouble: string
    /** Why it could not be asked for its paths in the last round; '' if it could. */
    readonly unasked: string
  }[]
  readonly paths: readonly PathReport[]
}

/** What the report is made from. */
export interface NetworkSources {
  overlay(): Overlay
  readonly keeper: {
    states(): ReadonlyMap<string, GatewayState>
    broken(): ReadonlyMap<string, Error>
  }
  readonly monitor: {
    paths(): readonly PathReport[]
    unasked(): ReadonlyMap<string, CausewayError>
  }
}

/** How it stands with the overlay and the paths now. */
export function networkReport(from: NetworkSources): NetworkReport {
  const { keeper, monitor } = from
  const wanted = from.overlay()
  const [states, broken, unasked] = [keeper.states(), keeper.broken(), monitor.unasked()]
  return {
    vni: wanted.vni,
    subnet: wanted.subnet,
    mode: wanted.mode.kind,
    generation: wanted.encryption?.generation ?? null,
    underlayMtu: wanted.underlayMtu,
    mtu: segmentMtu(wanted),
    gateways: wanted.gateways.map(({ name, underlay, address }) => ({
      name,
      underlay,
      address,
      state: states.get(name) ?? 'waiting',
      trouble: broken.get(name)?.message ?? '',
      unasked: unasked.get(name)?.message ?? '',
    })),
    paths: monitor.paths(),
  }
}
