import type { RunInstancesCommandInput } from '@aws-sdk/client-ec2'
import type { Clock } from '../../base/clock.ts'
import { CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Ec2Settings } from '../../config/drivers/ec2.ts'
import type { MachineSpec } from '../driver.ts'
import type { Ec2Api } from './client.ts'
import { ec2Code } from './errors.ts'
import { AmiFinder } from './images.ts'
import { type Found, foundOf } from './instances.ts'
import type { OfferReader } from './offers.ts'
import { type Purchase, purchaseKey, purchasesFor } from './purchases.ts'
import type { InstanceRegistry } from './registry.ts'
import { runRequest } from './requests.ts'

/** How long a purchase that was sold out is passed over while there are others, ms. */
const shortMs = 120_000

/** Pauses before a request without an answer is sent again, ms. */
const pausesMs = [1000, 4000]

/** Ages at which an instance in an answer must be one of an earlier request, ms. */
const oldMs = 60_000

/** Machines that an id may have had at one purchase; ids are made anew for each node's life, so that more than two are odd. */
const mostLives = 20

/** What a launcher works with. */
export interface LauncherParts {
  readonly api: Ec2Api
  readonly clock: Clock
  readonly settings: Ec2Settings
  readonly registry: InstanceRegistry
  readonly offers: OfferReader
  /** As in the registry. */
  readonly visibleWithinMs: number
}

/** Buys machines: one purchase after the other until one succeeds. */
export class Launcher {
  readonly #parts: LauncherParts
  readonly #images: AmiFinder
  readonly #shortUntilMs = new Map<string, number>()

  constructor(parts: LauncherParts) {
    this.#parts = parts
    this.#images = new AmiFinder(parts.api, parts.clock)
  }

  /**
   * Makes one machine. To be called only when no instance of the id is alive and EC2 shows all that was made.
   *
   * Once a request had no clear answer no other purchase is tried: its machine may come to be.
   * @param past instances that the id had
   * @throws CausewayError
   */
  async launch(spec: MachineSpec, past: ReadonlySet<string>): Promise<Found> {
    const { api, settings, offers, clock } = this.#parts
    const [ami, sold] = await Promise.all([this.#images.find(spec.image), offers.read()])
    const failures: CausewayError[] = []
    for (const purchase of this.#notShort(purchasesFor(api.site, settings, spec, sold))) {
      try {
        return await this.#buy(spec, past, (life) => runRequest(api.site, settings, { spec, ami, purchase, life }))
      } catch (thrown) {
        const error = toCausewayError(thrown)
        if (error.code === 'ImageMissing') this.#images.forget(spec.image)
        if (error.code !== 'InsufficientCapacity' && error.code !== 'QuotaExceeded') throw error
        this.#shortUntilMs.set(purchaseKey(purchase), clock.now() + shortMs)
        failures.push(error)
      }
    }
    throw soldOut(api.site, spec, failures)
  }

  /** Without those that were sold out lately, unless all were: then the site is asked again. */
  #notShort(purchases: Purchase[]): Purchase[] {
    const now = this.#parts.clock.now()
    const fresh = purchases.filter((purchase) => (this.#shortUntilMs.get(purchaseKey(purchase)) ?? 0) <= now)
    return fresh.length > 0 ? fresh : purchases
  }

  /** A token stands for one machine for ever, so that a token of a machine that has ended is passed over. */
  async #buy(
    spec: MachineSpec,
    past: ReadonlySet<string>,
    request: (life: number) => RunInstancesCommandInput,
  ): Promise<Found> {
    for (let life = past.size; life < past.size + mostLives; life += 1) {
      const found = await this.#run(spec.id, request(life))
      if (!found || past.has(found.instanceId) || (await this.#hasEnded(found))) continue
      this.#parts.registry.made(found)
      return found
    }
    throw new CausewayError(
      'InvalidRequest',
      `${this.#parts.api.site}: ${spec.name} had ${mostLives} machines of id ${spec.id}`,
    )
  }

  /** One request, sent again with the same token while no answer comes; null when its token was used with other parameters. */
  async #run(id: string, request: RunInstancesCommandInput): Promise<Found | null> {
    const { api, clock, registry } = this.#parts
    for (let tried = 0; ; tried += 1) {
      try {
        const { Instances } = await api.act('RunInstances', (ec2) => ec2.runInstances(request))
        const found = Instances?.[0] && foundOf(Instances[0])
        if (found) return found
        throw new CausewayError('MalformedOutput', `${api.site}: RunInstances: no instance with our tags in the answer`)
      } catch (thrown) {
        const error = toCausewayError(thrown)
        const clear = error.code !== 'HostUnreachable' && error.code !== 'MalformedOutput'
        if (!clear) registry.unclear(id)
        const pauseMs = pausesMs[tried]
        if (clear && tried === 0) {
          if (ec2Code(error) === 'IdempotentParameterMismatch') return null
          throw error
        }
        if (clear || pauseMs === undefined) {
          // The first request may still be under way, whatever a later one is told.
          throw new CausewayError(
            'HostUnreachable',
            `${api.site}: whether there is a machine ${id} is not known yet: ${error.message}`,
            { cause: error, facts: error.facts },
          )
        }
        await clock.sleep(pauseMs)
      }
    }
  }

  /** Whether an answer told of a machine that an earlier request made and that is no more. */
  async #hasEnded(found: Found): Promise<boolean> {
    const { clock, registry, visibleWithinMs } = this.#parts
    if (found.state !== 'running') return true
    if (found.launchedAtMs > clock.now() - oldMs) return false
    // This clock may also be ahead of EC2's: what EC2 shows decides.
    for (const untilMs = clock.now() + visibleWithinMs; ; ) {
      const shown = await registry.byInstance(found.instanceId)
      if (shown) return shown.state !== 'running'
      if (clock.now() >= untilMs) return true
      await clock.sleep(Math.min(1000, visibleWithinMs))
    }
  }
}

/** Quotas end purchases only where nothing else does: what is sold out may be there again in a minute. */
function soldOut(site: string, { name }: MachineSpec, failures: readonly CausewayError[]): CausewayError {
  const code = failures.every((failure) => failure.code === 'QuotaExceeded') ? 'QuotaExceeded' : 'InsufficientCapacity'
  const told = [...new Set(failures.map(({ message }) => message.replace(`${site}: RunInstances: `, '')))]
  return new CausewayError(code, `${site}: nothing to be had for ${name}: ${told.join('; ').slice(0, 1500)}`, {
    cause: failures.at(-1),
    facts: { site, tried: failures.length },
  })
}
