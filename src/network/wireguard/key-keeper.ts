import type { Clock } from '../../base/clock.ts'
import { CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { tunnelName } from '../addressing.ts'
import { isPublicKey } from './desired-tunnels.ts'
import { type KeyFacts, type KeyHolder, onlyOf, settledFacts, waitsFor, withKey, withLinks } from './key-facts.ts'
import type { KeyReport } from './key-report.ts'
import { parseTunnels } from './read-tunnels.ts'
import { tunnelScript } from './tunnel-script.ts'

/** How often a gateway is asked while nothing is expected of it, ms. */
const restMs = 60_000
/** How often it is asked while keys are changed, or as long as it has not told its key, ms. */
const busyMs = 1_000
/** How long a gateway that can't be asked is left alone, ms. */
const retryMs = 5_000
/** How long the older devices stay after the last route has left them, ms: what is on its way arrives. */
const lingerMs = 5_000

/** Where keys are kept; `TunnelKeyStore` does. */
export interface KeyStore {
  latest(): Promise<{ generation: number; beganAtMs: number; settledAtMs: number | null } | null>
  keys(): Promise<readonly { gateway: string; generation: number; publicKey: string }[]>
  begin(generation: number, atMs: number): Promise<void>
  settle(generation: number, atMs: number): Promise<void>
  save(key: { gateway: string; generation: number; publicKey: string; toldAtMs: number }): Promise<void>
  keepOnly(gateways: readonly string[]): Promise<void>
}

/** What a keeper of keys stands on. */
export interface KeyKeeperOptions {
  readonly vni: number
  /** All gateways of the overlay. */
  readonly gateways: readonly KeyHolder[]
  /** By the gateway's name. */
  readonly hosts: ReadonlyMap<string, Host>
  readonly store: KeyStore
  readonly clock: Clock
  /** The age at which keys are changed, ms; null: by `rotate` only. */
  readonly rotateAfterMs: number | null
  /** `facts` is another object than before. */
  readonly onChange: () => void
}

/**
 * Knows the gateways' public keys, and changes them. Each gateway is asked by itself, again and again: for its keys (it makes
 * what is missing), and while keys are changed for those that it has shaken hands with, and whether its routes have moved.
 *
 * A change of keys begins with a new generation. From then on every gateway has a second device; the overlay that is computed
 * from `facts` lets each pair of gateways use it once both have shaken hands there; when the last route has moved, the older
 * keys are forgotten, and so the overlay takes the older devices away. What can't be reached keeps what it has.
 */
export class KeyKeeper {
  readonly #options: KeyKeeperOptions
  #facts: KeyFacts = { generation: 0, keys: new Map(), links: new Map() }
  #beganAtMs = 0
  #started = false
  #changing = false
  /** A generation is being begun or ended in the store. */
  #writing = false
  /** Gateways whose routes have left the older device. */
  readonly #moved = new Set<string>()
  #allMovedAtMs: number | null = null
  readonly #errors = new Map<string, CausewayError>()
  readonly #stop = new AbortController()
  #wake = new AbortController()
  #watching: Promise<unknown> = Promise.resolve()

  constructor(options: KeyKeeperOptions) {
    this.#options = options
  }

  /** What is known now; another object whenever something of it changed. */
  get facts(): KeyFacts {
    return this.#facts
  }

  /** Loads what was known before, then asks the gateways in the background until `stop`. @throws what the store throws. */
  async start(): Promise<void> {
    const { store, clock, gateways } = this.#options
    const latest = (await store.latest()) ?? { generation: 0, beganAtMs: clock.now(), settledAtMs: clock.now() }
    await store.begin(latest.generation, latest.beganAtMs)
    await store.keepOnly(gateways.map((one) => one.name))
    this.#beganAtMs = latest.beganAtMs
    this.#changing = latest.generation > 0 && latest.settledAtMs === null
    let facts: KeyFacts = { ...this.#facts, generation: latest.generation }
    for (const key of await store.keys()) facts = withKey(facts, key.gateway, key.generation, key.publicKey)
    facts = onlyOf(facts, gateways)
    // An older key may have been told, and saved, while the change was ending.
    this.#facts = this.#changing ? facts : settledFacts(facts)
    this.#started = true
    this.#watching = Promise.all(gateways.map((one) => this.#watch(one.name)))
  }

  /** Resolves when no gateway is asked any more. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wake.abort()
    await this.#watching
  }

  /**
   * Begins to change all keys. It goes on in the background, over restarts too.
   * @throws CausewayError `Conflict` while keys are being changed; `Overloaded` before `start`; what the store throws.
   */
  async rotate(): Promise<KeyReport> {
    const { store, clock, gateways } = this.#options
    if (!this.#started) throw new CausewayError('Overloaded', 'the controller has not read its keys yet')
    if (this.#changing || this.#writing) {
      const waits = waitsFor(this.#facts, gateways)
      throw new CausewayError(
        'Conflict',
        `keys are being changed already; this waits for ${waits.join(', ') || 'routes'}`,
      )
    }
    this.#writing = true
    try {
      const now = clock.now()
      await store.begin(this.#facts.generation + 1, now)
      this.#beganAtMs = now
      this.#changing = true
      this.#moved.clear()
      this.#allMovedAtMs = null
      this.#set({ ...this.#facts, generation: this.#facts.generation + 1, links: new Map() })
    } finally {
      this.#writing = false
    }
    this.#wakeAll()
    return this.report()
  }

  /** Who has which keys, and what is waited for. */
  report(): KeyReport {
    const { gateways } = this.#options
    const { generation, keys, links } = this.#facts
    return {
      generation,
      beganAtMs: this.#beganAtMs,
      changing: this.#changing,
      waitsFor: this.#changing ? waitsFor(this.#facts, gateways) : [],
      gateways: gateways.map(({ name }) => ({
        name,
        generations: [...(keys.get(name)?.keys() ?? [])].sort((a, b) => b - a),
        linked: [...(links.get(name) ?? [])].sort(),
        moved: !this.#changing || this.#moved.has(name),
        problem: this.#errors.get(name)?.message ?? null,
      })),
    }
  }

  /** Asks one gateway until the end. */
  async #watch(name: string): Promise<void> {
    const { clock } = this.#options
    while (!this.#stop.signal.aborted) {
      const woken = this.#wake.signal
      try {
        await this.#ask(name)
        this.#errors.delete(name)
        await this.#settleOrRotate()
      } catch (thrown) {
        this.#errors.set(name, toCausewayError(thrown))
      }
      await clock.sleep(this.#pauseOf(name), woken)
    }
  }

  #pauseOf(name: string): number {
    if (this.#errors.has(name)) return this.#changing ? retryMs : restMs / 2
    return this.#changing ? busyMs : restMs
  }

  async #ask(name: string): Promise<void> {
    const host = this.#options.hosts.get(name)
    if (!host) throw new CausewayError('NotFound', `there is no host for gateway ${name}`)
    const script = tunnelScript(host)
    const { vni } = this.#options
    const { generation } = this.#facts
    for (const wanted of [generation, generation - 1]) {
      if (!this.#isInUse(wanted)) continue
      const known = this.#facts.keys.get(name)?.get(wanted)
      const device = tunnelName(vni, wanted)
      const told = await script.call(['key', device, String(wanted), ...(known === undefined ? [] : [known])])
      const publicKey = told.trim()
      if (!isPublicKey(publicKey)) throw new CausewayError('MalformedOutput', `${name} told no key but '${publicKey}'`)
      await this.#told(name, wanted, publicKey)
    }
    if (this.#changing) this.#seen(name, await script.call(['show', String(vni)]))
  }

  /** Whether keys of a generation count: while a gateway was being asked for them the change may have come to its end. */
  #isInUse(generation: number): boolean {
    const latest = this.#facts.generation
    return generation === latest || (this.#changing && generation === latest - 1)
  }

  async #told(gateway: string, generation: number, publicKey: string): Promise<void> {
    if (!this.#isInUse(generation)) return
    const { keys } = this.#facts
    if (keys.get(gateway)?.get(generation) === publicKey) return
    const twin = [...keys].find(([other, ofOther]) => other !== gateway && [...ofOther.values()].includes(publicKey))
    // WireGuard can't tell them apart; the overlay would be one that can't be, for all gateways.
    if (twin) {
      const why = 'its disk is a copy; delete the files in /var/lib/causeway/wireguard and its tunnel devices'
      throw new CausewayError('Conflict', `${gateway} has the same key as ${twin[0]}: ${why}`)
    }
    const { store, clock } = this.#options
    await store.save({ gateway, generation, publicKey, toldAtMs: clock.now() })
    if (this.#isInUse(generation)) this.#set(withKey(this.#facts, gateway, generation, publicKey))
  }

  /** A gateway's tunnels were read: with whom it has shaken hands, and whether its routes have moved. */
  #seen(name: string, shown: string): void {
    const { devices } = parseTunnels(shown)
    const { generation, keys, links } = this.#facts
    const { vni } = this.#options
    const newer = devices.find((one) => one.name === tunnelName(vni, generation))
    const older = devices.find((one) => one.name === tunnelName(vni, generation - 1))
    if (older === undefined || older.routes.length === 0) this.#moved.add(name)
    else this.#moved.delete(name)
    if (newer?.publicKey !== keys.get(name)?.get(generation)) return
    const shaken = [...keys].flatMap(([other, ofOther]) => {
      const peer = newer?.peers.get(ofOther.get(generation) ?? '')
      return peer !== undefined && peer.handshakeAt > 0 ? [other] : []
    })
    // Once proven stays proven: a pair does not go back to the older keys for a quiet hour.
    const linked = new Set([...(links.get(name) ?? []), ...shaken])
    if (linked.size > (links.get(name)?.size ?? 0)) this.#set(withLinks(this.#facts, name, linked))
  }

  async #settleOrRotate(): Promise<void> {
    const { store, clock, gateways, rotateAfterMs } = this.#options
    const now = clock.now()
    if (!this.#changing) {
      if (rotateAfterMs !== null && now - this.#beganAtMs >= rotateAfterMs && !this.#writing) await this.rotate()
      return
    }
    const all = waitsFor(this.#facts, gateways).length === 0 && gateways.every((one) => this.#moved.has(one.name))
    this.#allMovedAtMs = all ? (this.#allMovedAtMs ?? now) : null
    if (this.#allMovedAtMs === null || now - this.#allMovedAtMs < lingerMs) return
    if (this.#writing) return
    this.#writing = true
    try {
      await store.settle(this.#facts.generation, now)
      this.#changing = false
      this.#set(settledFacts(this.#facts))
    } finally {
      this.#writing = false
    }
  }

  #set(facts: KeyFacts): void {
    this.#facts = facts
    this.#options.onChange()
  }

  #wakeAll(): void {
    const sleeping = this.#wake
    this.#wake = new AbortController()
    sleeping.abort()
  }
}
