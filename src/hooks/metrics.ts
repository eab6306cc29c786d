import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { NetworkReport } from '../elastic/network-report.ts'
import type { EngineFigures } from './engine-figures.ts'
import { knownEvents } from './hook-bodies.ts'
import { PathMetrics } from './path-metrics.ts'

/** What `GET /v1/metrics` tells, in Prometheus' text format. Times are seconds, as is the custom there. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #paths = new PathMetrics(this.#registry)
  readonly #requests = new Histogram({
    name: 'causeway_http_request_seconds',
    help: 'Time to answer a request, by route',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers: [this.#registry],
  })
  readonly #hooks = new Counter({
    name: 'causeway_hook_events_total',
    help: 'Hooks taken, by scheduler and event; those of plugins under "other"',
    labelNames: ['scheduler', 'event', 'duplicate'],
    registers: [this.#registry],
  })
  readonly #queued = this.#gauge('causeway_hooks_queued', 'Hooks taken that are not recorded yet')
  readonly #spooled = this.#gauge('causeway_hook_spool_events', 'Hooks on disk that wait to be taken')
  readonly #spooledBytes = this.#gauge('causeway_hook_spool_bytes', 'Their size')
  readonly #rounds = this.#counter('causeway_loop_rounds_total', 'Rounds of the loop since the controller started')
  readonly #readings = this.#counter(
    'causeway_queue_readings_total',
    'Readings of the queue since the controller started',
  )
  readonly #failed = this.#counter('causeway_queue_readings_failed_total', 'Those that failed')
  readonly #readingTime = this.#gauge('causeway_queue_reading_seconds', 'How long the last reading of the queue took')
  readonly #readingAge = this.#gauge('causeway_queue_age_seconds', 'How long ago the last reading of the queue began')

  /** A request was answered. */
  request(method: string, route: string, status: number, ms: number): void {
    this.#requests.observe({ method, route, status }, ms / 1000)
  }

  /** A hook was taken. Callers may make up names: those that nobody knows are counted together. */
  hook(scheduler: string, event: string, fresh: boolean): void {
    const labels = knownEvents[scheduler] ? { scheduler, event } : { scheduler: 'other', event: 'other' }
    this.#hooks.inc({ ...labels, duplicate: String(!fresh) })
  }

  /** What waits in the spool folder. */
  spool(events: number, bytes: number): void {
    this.#spooled.set(events)
    this.#spooledBytes.set(bytes)
  }

  /** All of it as text. */
  async text(engine: EngineFigures, queued: number, paths: NetworkReport['paths']): Promise<string> {
    this.#paths.become(paths)
    this.#queued.set(queued)
    become(this.#rounds, engine.rounds)
    become(this.#readings, engine.readings)
    become(this.#failed, engine.failedReadings)
    this.#readingTime.set(seconds(engine.readingMs))
    this.#readingAge.set(seconds(engine.readingAgeMs))
    return this.#registry.metrics()
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.#registry] })
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.#registry] })
  }
}

/** The media type of the text. */
export const metricsType = Registry.PROMETHEUS_CONTENT_TYPE

function seconds(ms: number | null): number {
  return ms === null ? Number.NaN : ms / 1000
}

/** Somebody else has counted. */
function become(counter: Counter, count: number): void {
  counter.reset()
  counter.inc(count)
}
