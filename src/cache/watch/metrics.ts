import { Counter, Gauge, Registry } from 'prom-client'
import type { Outcome } from '../door/reply.ts'
import { Durations } from './durations.ts'
import type { CacheStatus } from './status.ts'
import type { Tally } from './traffic.ts'

/** The cache's figures for Prometheus, all under `causeway_cache_`. Nodes are told apart only where the series stay few. */
export class CacheMetrics {
  readonly #registry = new Registry()
  readonly #status: () => Promise<CacheStatus>
  readonly #durations = new Durations()
  readonly #figures: Figures

  constructor(status: () => Promise<CacheStatus>) {
    this.#status = status
    this.#figures = new Figures(this.#registry)
  }

  /** Notes an answered request and how long it took. */
  answered(outcome: Outcome, ms: number): void {
    this.#durations.took(outcome, ms)
  }

  /** The text that Prometheus reads. */
  async text(): Promise<string> {
    this.#figures.set(await this.#status())
    const help = 'From the arrival of a request until its last byte was handed to the socket.'
    const durations = this.#durations.text('causeway_cache_request_duration_seconds', help)
    return (await this.#registry.metrics()) + durations
  }

  get contentType(): string {
    return this.#registry.contentType
  }
}

/** Figures that are read off the status when somebody asks. */
class Figures {
  readonly #registry: Registry
  readonly #counters = new Map<string, Counter>()
  readonly #gauges = new Map<string, Gauge>()

  constructor(registry: Registry) {
    this.#registry = registry
  }

  set(status: CacheStatus): void {
    for (const figure of [...this.#counters.values(), ...this.#gauges.values()]) figure.reset()
    for (const { name, ...tally } of status.origins) this.#tally('origin', name, tally)
    for (const { name, ...tally } of status.nodes.slice(0, 256)) this.#tally('node', name, tally)
    const { counters, storage } = status
    this.#count(
      'upstream_requests_total',
      'Requests to origins, mirrors and other caches.',
      {},
      counters.upstreamRequests,
    )
    this.#count('evicted_bytes_total', 'Bytes of bodies that went to make room.', {}, storage.evictedBytes)
    this.#gauge('requests_in_flight', 'Clients being answered.', {}, counters.inFlight)
    this.#gauge('fetches_in_flight', 'Files on their way.', {}, counters.fetching)
    this.#gauge('stored_responses', 'Kept responses.', {}, storage.responses)
    this.#gauge('stored_bytes', 'Bytes of kept bodies.', {}, storage.bytes)
    this.#gauge('partial_bytes', 'Bytes of broken-off transfers that may go on.', {}, storage.partialBytes)
    this.#gauge('free_bytes', "Free bytes of the store's file system.", {}, storage.freeBytes)
    if (storage.quota !== undefined) this.#gauge('quota_bytes', 'Bytes that bodies may take.', {}, storage.quota)
    this.#gauge(
      'troubled',
      '1 while the disk is in trouble and responses are passed through.',
      {},
      Number(status.troubled),
    )
    for (const { place, state } of status.places) {
      this.#gauge('place_up', '0 while a server that files come from is away.', { place }, state === 'away' ? 0 : 1)
    }
  }

  #tally(label: 'origin' | 'node', name: string, tally: Tally): void {
    for (const [outcome, requests] of Object.entries(tally.outcomes)) {
      if (requests === 0) continue
      const help = `Requests by ${label} and by how they were answered.`
      this.#count(`${label}_requests_total`, help, { [label]: name, outcome }, requests)
    }
    this.#count(
      `${label}_served_bytes_total`,
      `Bytes of bodies served, by ${label}.`,
      { [label]: name },
      tally.servedBytes,
    )
    if (label === 'node') return
    this.#count('upstream_bytes_total', 'Bytes of bodies from upstream.', { origin: name }, tally.upstreamBytes)
  }

  #count(name: string, help: string, labels: Record<string, string>, value: number): void {
    let counter = this.#counters.get(name)
    if (!counter) {
      counter = new Counter({ ...this.#named(name, help), labelNames: Object.keys(labels) })
      this.#counters.set(name, counter)
    }
    counter.inc(labels, value)
  }

  #gauge(name: string, help: string, labels: Record<string, string>, value: number): void {
    let gauge = this.#gauges.get(name)
    if (!gauge) {
      gauge = new Gauge({ ...this.#named(name, help), labelNames: Object.keys(labels) })
      this.#gauges.set(name, gauge)
    }
    gauge.set(labels, value)
  }

  #named(name: string, help: string) {
    return { name: `causeway_cache_${name}`, help, registers: [this.#registry] }
  }
}
