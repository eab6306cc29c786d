import { Gauge, type Registry } from 'prom-client'
import type { NetworkReport } from '../elastic/network-report.ts'

/** The paths between gateways for `Metrics`. What is not known is not there: monitoring tells that from 0. */
export class PathMetrics {
  readonly #up: Gauge
  readonly #rtt: Gauge
  readonly #loss: Gauge
  readonly #mtu: Gauge

  constructor(registry: Registry) {
    const gauge = (name: string, help: string) =>
      new Gauge({ name, help, labelNames: ['from', 'to'], registers: [registry] })
    this.#up = gauge('causeway_path_up', 'Whether packets pass between two gateways; none: it is not known')
    this.#rtt = gauge('causeway_path_rtt_seconds', 'Mean round trip between two gateways')
    this.#loss = gauge('causeway_path_loss_ratio', 'Share of packets lost between two gateways')
    this.#mtu = gauge('causeway_path_mtu_bytes', 'The largest packet that passes between two gateways, in the segment')
  }

  /** Takes what is known now in the place of what was. */
  become(paths: NetworkReport['paths']): void {
    for (const gauge of [this.#up, this.#rtt, this.#loss, this.#mtu]) gauge.reset()
    for (const { from, to, state, rttMs, loss, mtu } of paths) {
      if (state === 'unknown') continue
      const ends = { from, to }
      this.#up.set(ends, state === 'good' ? 1 : 0)
      if (rttMs !== null) this.#rtt.set(ends, rttMs / 1000)
      if (loss !== null) this.#loss.set(ends, loss)
      if (mtu !== null) this.#mtu.set(ends, mtu)
    }
  }
}
