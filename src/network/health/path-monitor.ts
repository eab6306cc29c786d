import type { Clock } from '../../base/clock.ts'
import { CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { Logger } from '../../base/log.ts'
import { noFacts } from '../facts.ts'
import type { Gateway, Overlay } from '../overlay.ts'
import { GatewayPaths } from './gateway-paths.ts'
import { loss, type PathState, roundTrips, unmeasured } from './path-record.ts'
import { peersInRound } from './peers.ts'
import { Prober } from './prober.ts'

/** How often paths are measured, ms. */
const defaultIntervalMs = 15_000

/** How long a round waits for a gateway before it goes on without it, ms. */
const patienceMs = 10_000

/** What is known of the path from one gateway to another. */
export interface PathReport {
  readonly from: string
  readonly to: string
  /** `unknown`: not measured yet, or the gateway at its beginning can't be asked now. */
  readonly state: PathState
  /** When it was measured last, ms since the epoch; null: never. */
  readonly measuredAtMs: number | null
  /** Mean and least round trip of the last rounds, ms; null when nothing was answered. */
  readonly rttMs: number | null
  readonly leastRttMs: number | null
  /** Share of packets lost in the last rounds, 0 to 1; null until enough were sent to tell. */
  readonly loss: number | null
  /** The largest packet that passes in the segment, bytes; null until it was found. */
  readonly mtu: number | null
  /** The same between the underlay addresses; null also where nobody asks for it, or nothing answers there. */
  readonly underlayMtu: number | null
}

/** What a path monitor needs. */
export interface PathMonitorOptions {
  readonly clock: Clock
  readonly log: Logger
  /** By the gateway's name. */
  readonly hosts: ReadonlyMap<string, Host>
  /** The gateway that every other must reach: it is measured in every round, however many there are. */
  readonly head: string
  /** Default 15 s. */
  readonly intervalMs?: number
  /** Whether the underlay's MTU is to be found: `underlayMtu: measured`. */
  readonly findsPathMtu: boolean
  /** The MTU to begin with, bytes: the one found before the controller's restart; default 1500. */
  readonly pathMtu?: number
  /** Where on the gateways our script is kept; left out: the usual place. */
  readonly folder?: string
  /** The overlay as it is wanted now. */
  overlay(): Overlay
  /** Called when a path became good, broken or unknown, or `pathMtu` changed. */
  onChange?(): void
  /** Called after a round in which paths fell silent that carried in the one before, with the gateways at their ends. */
  onSilence?(gateways: ReadonlySet<string>): void
}

/**
 * Measures the paths between all gateways, round after round, over the segment itself. A gateway that can't be asked makes
 * its own paths unknown, not broken; the others still tell whether they reach it. It changes nothing anywhere.
 */
export class PathMonitor {
  readonly #options: PathMonitorOptions
  readonly #stop = new AbortController()
  readonly #rows = new Map<string, Row>()
  #gateways: readonly Gateway[] = []
  #pathMtu: number
  #rounds = 0
  #told = ''
  #running: Promise<void> | null = null

  constructor(options: PathMonitorOptions) {
    this.#options = options
    this.#pathMtu = options.pathMtu ?? noFacts.pathMtu
  }

  /** Starts measuring. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Ends; resolves when no gateway is being asked any more. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
    await Promise.all([...this.#rows.values()].flatMap(({ busy }) => busy ?? []))
  }

  /** The MTU of the path between any two gateways, bytes. Raised only when every pair is known, lowered at once. */
  get pathMtu(): number {
    return this.#pathMtu
  }

  /** All paths, those of each gateway together. */
  paths(): PathReport[] {
    return this.#gateways.flatMap(({ name: from }) =>
      this.#gateways.flatMap(({ name: to }) => (from === to ? [] : reportOf(from, to, this.#rows.get(from)))),
    )
  }

  /** The gateways that could not be asked in the last round, with the reason. */
  unasked(): ReadonlyMap<string, CausewayError> {
    return new Map([...this.#rows].flatMap(([name, { error }]) => (error ? [[name, error]] : [])))
  }

  /** Measures all paths once. Never rejects: what could not be measured is unknown. */
  async round(): Promise<void> {
    const { clock, head } = this.#options
    const overlay = this.#options.overlay()
    this.#gateways = overlay.gateways
    const names = overlay.gateways.map(({ name }) => name)
    this.#prune(new Set(names))
    const round = this.#rounds++
    const done = new AbortController()
    const late = clock.sleep(patienceMs, done.signal)
    await Promise.all(
      overlay.gateways.map(async (self) => {
        const chosen = peersInRound(names, self.name, head, round)
        const peers = overlay.gateways.filter(({ name }) => chosen.has(name))
        const row = this.#rowOf(self.name)
        row.busy ??= this.#measure(row, overlay, self, peers).finally(() => {
          row.busy = null
        })
        const inTime = await Promise.race([row.busy.then(() => true), late.then(() => false)])
        if (inTime) return
        const text = `${self.name} has not said within ${patienceMs / 1000} s what it reaches`
        row.error = new CausewayError('CommandTimeout', text)
      }),
    )
    done.abort()
    this.#tell()
    this.#tellSilence()
  }

  async #run(): Promise<void> {
    const { clock, intervalMs = defaultIntervalMs } = this.#options
    while (!this.#stop.signal.aborted) {
      const beganAtMs = clock.now()
      await this.round()
      await clock.sleep(Math.max(0, beganAtMs + intervalMs - clock.now()), this.#stop.signal)
    }
  }

  async #measure(row: Row, overlay: Overlay, self: Gateway, peers: readonly Gateway[]): Promise<void> {
    try {
      if (row.paths === null) throw new CausewayError('NotFound', `there is no host for gateway ${self.name}`)
      await row.paths.measure(overlay, self, peers, this.#options.findsPathMtu)
      row.error = null
    } catch (thrown) {
      const error = toCausewayError(thrown)
      const { log } = this.#options
      if (row.error?.code !== error.code)
        log.warn({ gateway: self.name, code: error.code, err: error }, 'paths are unknown')
      row.error = error
    }
    this.#tell()
  }

  #rowOf(name: string): Row {
    const known = this.#rows.get(name)
    if (known) return known
    const { hosts, clock, folder } = this.#options
    const host = hosts.get(name)
    const row: Row = { paths: host ? new GatewayPaths(new Prober(host, folder), clock) : null, error: null, busy: null }
    this.#rows.set(name, row)
    return row
  }

  #prune(names: ReadonlySet<string>): void {
    for (const [name, row] of this.#rows) {
      if (names.has(name)) row.paths?.keep(names)
      else this.#rows.delete(name)
    }
  }

  /** One silent round is no broken path yet, but reason enough to look at what the two gateways hold. */
  #tellSilence(): void {
    const ends = this.#gateways.flatMap(({ name: from }) =>
      this.#gateways.flatMap(({ name: to }) => {
        const record = this.#rows.get(from)?.paths?.sight(to)?.record
        return record?.state === 'good' && record.silent === 1 ? [from, to] : []
      }),
    )
    if (ends.length > 0) this.#options.onSilence?.(new Set(ends))
  }

  #tell(): void {
    this.#pathMtu = nextPathMtu(this.#pathMtu, this.#gateways, (from, to) => {
      return this.#rows.get(from)?.paths?.sight(to)?.underlay?.search.bytes ?? null
    })
    const states = this.paths().map(({ state }) => state)
    const told = `${this.#gateways.map(({ name }) => name).join(' ')} ${states.join(' ')} ${this.#pathMtu}`
    if (told === this.#told) return
    this.#told = told
    this.#options.onChange?.()
  }
}

/** One gateway's view. `busy`: it is being asked. */
interface Row {
  readonly paths: GatewayPaths | null
  error: CausewayError | null
  busy: Promise<void> | null
}

function reportOf(from: string, to: string, row: Row | undefined): PathReport {
  const sight = row?.paths?.sight(to)
  const record = sight?.record ?? unmeasured
  const rtt = roundTrips(record)
  return {
    from,
    to,
    state: row?.error ? 'unknown' : record.state,
    measuredAtMs: record.measuredAtMs,
    rttMs: rtt?.meanMs ?? null,
    leastRttMs: rtt?.leastMs ?? null,
    loss: loss(record),
    mtu: sight?.segment.search.bytes ?? null,
    underlayMtu: sight?.underlay?.search.bytes ?? null,
  }
}

/**
 * The smallest MTU between any two gateways, bytes. As long as there are pairs of which neither direction was measured, it
 * may be smaller there than anywhere else: then it is not raised.
 */
function nextPathMtu(
  before: number,
  gateways: readonly Gateway[],
  measured: (from: string, to: string) => number | null,
): number {
  let least = Infinity
  let isWhole = gateways.length > 1
  for (const [i, { name: one }] of gateways.entries()) {
    for (const { name: other } of gateways.slice(i + 1)) {
      const both = [measured(one, other), measured(other, one)].filter((bytes) => bytes !== null)
      if (both.length === 0) isWhole = false
      least = Math.min(least, ...both)
    }
  }
  return isWhole ? least : Math.min(before, least)
}
