import type { Clock } from '../base/clock.ts'
import type { Host } from '../base/host.ts'
import type { Logger } from '../base/log.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import { emptyOverlay, headGateway } from '../elastic/overlay-from-nodes.ts'
import { type NetworkFacts, noFacts } from '../network/facts.ts'
import { PathMonitor } from '../network/health/path-monitor.ts'
import { KeyKeeper, type KeyStore } from '../network/wireguard/key-keeper.ts'

/** What watching the network stands on. */
export interface NetworkWatchOptions {
  /** As it was when the controller started: gateways do not change while it runs. */
  readonly config: ControllerConfig
  /** By the gateway's name. */
  readonly hosts: ReadonlyMap<string, Host>
  readonly keys: KeyStore
  readonly clock: Clock
  readonly log: Logger
  /** Facts or paths are other than before. */
  onChange(): void
  /** Paths between these gateways have fallen silent: what they hold may not be what it was. */
  onSilence(gateways: ReadonlySet<string>): void
}

/** Watches the gateways, their keys and the paths between them, and keeps the facts that the overlay is computed from. */
export class NetworkWatch {
  readonly #options: NetworkWatchOptions
  /** Null where the overlay is not encrypted. */
  readonly keys: KeyKeeper | null
  readonly paths: PathMonitor
  #facts: NetworkFacts = noFacts

  constructor(options: NetworkWatchOptions) {
    this.#options = options
    const { config, hosts, clock, log } = options
    const { vni, underlayMtu, overlay } = config.cluster
    const onChange = () => this.#changed()
    this.keys = overlay.encryption
      ? new KeyKeeper({
          vni,
          hosts,
          clock,
          onChange,
          store: options.keys,
          gateways: emptyOverlay(config).gateways,
          rotateAfterMs: overlay.encryption.rotate ?? null,
        })
      : null
    this.paths = new PathMonitor({
      clock,
      log,
      hosts,
      onChange,
      onSilence: (gateways) => options.onSilence(gateways),
      overlay: () => emptyOverlay(config, this.#facts),
      head: headGateway,
      findsPathMtu: underlayMtu === 'measured',
    })
  }

  /** What the gateways have told so far; the same object until something changes. */
  get facts(): NetworkFacts {
    return this.#facts
  }

  /**
   * Loads what was known before, and begins to watch. Where the MTU is to be measured, resolves after the first look at it:
   * nodes get the one that they will keep.
   */
  async start(): Promise<void> {
    await this.keys?.start()
    this.#refresh()
    if (this.#options.config.cluster.underlayMtu === 'measured') await this.paths.round()
    this.paths.start()
  }

  /** Resolves when no gateway is asked any more. */
  async stop(): Promise<void> {
    await Promise.all([this.keys?.stop(), this.paths.stop()])
  }

  #changed(): void {
    this.#refresh()
    this.#options.onChange()
  }

  #refresh(): void {
    const { generation, keys, links } = this.keys?.facts ?? noFacts
    const { pathMtu } = this.paths
    const known = this.#facts
    if (known.generation === generation && known.keys === keys && known.links === links && known.pathMtu === pathMtu)
      return
    this.#facts = { generation, keys, links, pathMtu }
  }
}
