import type { Clock } from '../../base/clock.ts'
import { addressFamily } from '../../base/ipv6.ts'
import { bridgeName, segmentMtu } from '../addressing.ts'
import type { Gateway, Overlay } from '../overlay.ts'
import { afterTries, type MtuSearch, newSearch, sizesToTry } from './mtu-search.ts'
import { afterRound, type PathRecord, unmeasured } from './path-record.ts'
import { type Echoes, type Probe, type Prober, smallPacket } from './prober.ts'

/** Echo requests that tell round trip and loss, and of each size that is tried. */
const echoes = 5
const tries = 2

/** Bytes: no segment has a smaller MTU (RFC 791), and no path between gateways (the configuration's bounds). */
const leastSegment = 576
const [leastUnderlay, mostUnderlay] = [1280, 9216]

/** A search takes four steps; packets that are lost by chance make it longer. The next round goes on with it. */
const stepsInRound = 5

/** One way to a peer: in the segment, from bridge to bridge, or between the underlay addresses. */
interface Way {
  readonly device: string | null
  readonly address: string
  /** The largest packet that passes. */
  search: MtuSearch
}

/** What a gateway sees of a peer. */
interface Sight {
  record: PathRecord
  segment: Way
  /** null: not asked for, or the two addresses are of different families. */
  underlay: Way | null
}

/** Measures the paths from one gateway to its peers, to all at the same time. */
export class GatewayPaths {
  readonly #prober: Prober
  readonly #clock: Clock
  readonly #sights = new Map<string, Sight>()

  constructor(prober: Prober, clock: Clock) {
    this.#prober = prober
    this.#clock = clock
  }

  /** What is known of a peer so far; undefined for one that was never looked at. */
  sight(peer: string): Readonly<Sight> | undefined {
    return this.#sights.get(peer)
  }

  /** Forgets peers that there are no more. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#sights.keys()) if (!names.has(name)) this.#sights.delete(name)
  }

  /**
   * One round: reachability, round trips, loss, and whether the largest packets still pass. Takes one round trip to the
   * gateway, and more only while it has to be found out which packets pass.
   * @param withUnderlay whether the underlay's MTU is asked for, too
   * @throws CausewayError as `Prober.probe`: then nothing is known of this round
   */
  async measure(overlay: Overlay, self: Gateway, peers: readonly Gateway[], withUnderlay: boolean): Promise<void> {
    const sights = peers.map((peer) => this.#lookAt(peer, overlay, self, withUnderlay))
    const ways = sights.flatMap(({ segment, underlay }) => (underlay ? [segment, underlay] : [segment]))
    const small = ways.map((way) => probeOf(way, smallPacket, way.device === null ? tries : echoes))
    const sized = sizesOf(ways)
    const found = await this.#prober.probe([...small, ...sized.map(({ probe }) => probe)])
    const answered = new Map(ways.map((way, i) => [way, found[i] ?? nothing]))
    const now = this.#clock.now()
    for (const sight of sights) {
      sight.record = afterRound(sight.record, answered.get(sight.segment) ?? nothing, now)
    }
    // Where not even small packets pass, nothing can be said of sizes.
    const passing = ways.filter((way) => (answered.get(way)?.rttsMs.length ?? 0) > 0)
    learn(passing, sized, found.slice(small.length), now)
    for (let step = 1; step < stepsInRound; step++) {
      const open = sizesOf(passing.filter(({ search }) => search.open !== null))
      if (open.length === 0) return
      learn(passing, open, await this.#prober.probe(open.map(({ probe }) => probe)), this.#clock.now())
    }
  }

  #lookAt(peer: Gateway, overlay: Overlay, self: Gateway, withUnderlay: boolean): Sight {
    const device = bridgeName(overlay.vni)
    const known = this.#sights.get(peer.name)
    const alike = addressFamily(peer.underlay) === addressFamily(self.underlay)
    const sight = {
      record: known?.record ?? unmeasured,
      segment: wayTo(known?.segment, device, peer.address, leastSegment, segmentMtu(overlay)),
      underlay:
        withUnderlay && alike
          ? wayTo(known?.underlay ?? undefined, null, peer.underlay, leastUnderlay, mostUnderlay)
          : null,
    }
    this.#sights.set(peer.name, sight)
    return sight
  }
}

const nothing: Echoes = { sent: 0, rttsMs: [] }

interface Sized {
  readonly way: Way
  readonly probe: Probe
}

function sizesOf(ways: readonly Way[]): Sized[] {
  return ways.flatMap((way) => sizesToTry(way.search).map((packet) => ({ way, probe: probeOf(way, packet, tries) })))
}

function probeOf({ device, address }: Way, packet: number, count: number): Probe {
  return { device, address, packet, count }
}

/** The same way as before with what is known of it, unless it has changed. */
function wayTo(known: Way | undefined, device: string | null, address: string, least: number, most: number): Way {
  if (known?.address === address && known.device === device && known.search.most === most) return known
  return { device, address, search: newSearch(least, most) }
}

function learn(passing: readonly Way[], asked: readonly Sized[], found: readonly Echoes[], now: number): void {
  const byWay = new Map<Way, Map<number, boolean>>(passing.map((way) => [way, new Map()]))
  for (const [i, { way, probe }] of asked.entries())
    byWay.get(way)?.set(probe.packet, (found[i]?.rttsMs.length ?? 0) > 0)
  for (const [way, passed] of byWay) if (passed.size > 0) way.search = afterTries(way.search, passed, now)
}
