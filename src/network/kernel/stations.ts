import type { Gateway, Overlay } from '../overlay.ts'
import { canonical, checkOverlay, endpointOf } from './check-overlay.ts'
import type { Local, Remote } from './gateway-state.ts'

/** What every gateway's state is made of, the same for all of them: worked out once for an overlay. */
export interface Stations {
  /** Every bridge and member once, ordered by MAC. */
  readonly all: readonly Station[]
  /** Where to send what is for a gateway, by its name. */
  readonly endpoints: ReadonlyMap<string, string>
}

interface Station {
  /** The gateway that it is, or sits behind. */
  readonly gateway: string
  /** As the other gateways see it. */
  readonly remote: Remote
  /** As its own gateway sees it; null for that gateway's bridge. */
  readonly local: Local | null
}

const made = new WeakMap<Overlay, Stations>()

/** The stations of an overlay, which must never change. @throws CausewayError as `checkOverlay`. */
export function stationsOf(overlay: Overlay): Stations {
  const stations = made.get(overlay) ?? makeStations(overlay)
  made.set(overlay, stations)
  return stations
}

function makeStations(overlay: Overlay): Stations {
  checkOverlay(overlay)
  const endpoints = new Map(overlay.gateways.map((gateway) => [gateway.name, endpointOf(overlay, gateway)]))
  // The head is a gateway and a member at once: one bridge.
  const stations = new Map<string, Station>()
  for (const gateway of overlay.gateways) stations.set(gateway.mac, bridgeStation(gateway, endpoints))
  for (const { name, mac, address, address6, gateway, port, via } of overlay.members) {
    if (port === null && stations.has(mac)) continue
    const remote = { mac, address, address6, endpoint: endpoints.get(gateway) ?? '' }
    const local = port === null ? null : { name, mac, address, address6, port, ...viaOf(name, via) }
    stations.set(mac, { gateway, remote, local })
  }
  const all = [...stations.values()]
  return { all: all.sort((a, b) => (a.remote.mac < b.remote.mac ? -1 : 1)), endpoints }
}

function viaOf(name: string, via: string | null | undefined): Pick<Local, 'via'> {
  return via === undefined ? {} : { via: via === null ? null : canonical(name, via) }
}

function bridgeStation({ name, mac, address, address6 }: Gateway, endpoints: ReadonlyMap<string, string>): Station {
  return { gateway: name, remote: { mac, address, address6, endpoint: endpoints.get(name) ?? '' }, local: null }
}
