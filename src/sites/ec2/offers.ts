import type { DescribeInstanceTypesCommandInput, InstanceTypeInfo } from '@aws-sdk/client-ec2'
import type { Clock } from '../../base/clock.ts'
import type { Ec2Settings } from '../../config/drivers/ec2.ts'
import type { Offer } from '../driver.ts'
import type { Ec2Api } from './client.ts'
import { marketsOf } from './purchases.ts'

/** How long offers and prices are good, ms. */
const keptMs = 3_600_000

type InstanceTypes = NonNullable<DescribeInstanceTypesCommandInput['InstanceTypes']>

/** What the region sells of the instance types in the configuration; asked once an hour. */
export class OfferReader {
  readonly #api: Ec2Api
  readonly #clock: Clock
  readonly #settings: Ec2Settings
  #kept: { readonly offers: Promise<readonly Offer[]>; readonly atMs: number } | null = null

  constructor(options: { readonly api: Ec2Api; readonly clock: Clock; readonly settings: Ec2Settings }) {
    this.#api = options.api
    this.#clock = options.clock
    this.#settings = options.settings
  }

  /** Each instance type in each zone and market in which it may be bought. @throws CausewayError */
  read(): Promise<readonly Offer[]> {
    const known = this.#kept
    if (known && this.#clock.now() - known.atMs < keptMs) return known.offers
    const kept = { offers: this.#ask(), atMs: this.#clock.now() }
    this.#kept = kept
    kept.offers.catch(() => {
      if (this.#kept === kept) this.#kept = null
    })
    return kept.offers
  }

  async #ask(): Promise<readonly Offer[]> {
    const { zones, prices } = this.#settings
    const onDemand = this.#typesOf('on-demand')
    const spot = this.#typesOf('spot')
    const [kinds, places, spotPrices] = await Promise.all([
      this.#kinds([...new Set([...onDemand, ...spot])]),
      this.#places([...new Set([...onDemand, ...spot])]),
      this.#spotPrices(spot),
    ])
    return places
      .filter(({ zone }) => zone in zones)
      .flatMap(({ name, zone }): Offer[] => {
        const kind = kinds.get(name)
        if (!kind) return []
        const base = { name, zone, ...sizeOf(kind) }
        return [
          ...(onDemand.includes(name) ? [{ ...base, pricePerHour: prices[name] ?? null, interruptible: false }] : []),
          ...(spot.includes(name) && kind.SupportedUsageClasses?.includes('spot')
            ? [{ ...base, pricePerHour: spotPrices.get(`${name}/${zone}`) ?? null, interruptible: true }]
            : []),
        ]
      })
  }

  /** The instance types that any node type buys in a market. */
  #typesOf(market: 'on-demand' | 'spot'): string[] {
    const buying = Object.values(this.#settings.types).filter((type) => marketsOf(type).includes(market))
    return [...new Set(buying.flatMap(({ instanceTypes }) => instanceTypes))]
  }

  async #kinds(names: readonly string[]): Promise<Map<string, InstanceTypeInfo>> {
    const filters = [{ Name: 'instance-type', Values: [...names] }]
    const found = await this.#api.all('DescribeInstanceTypes', 'InstanceTypes', (ec2, page) =>
      ec2.describeInstanceTypes({ Filters: filters, ...page }),
    )
    return new Map(found.map((kind) => [kind.InstanceType ?? '', kind]))
  }

  async #places(names: readonly string[]): Promise<{ name: string; zone: string }[]> {
    const filters = [{ Name: 'instance-type', Values: [...names] }]
    const found = await this.#api.all('DescribeInstanceTypeOfferings', 'InstanceTypeOfferings', (ec2, page) =>
      ec2.describeInstanceTypeOfferings({ LocationType: 'availability-zone', Filters: filters, ...page }),
    )
    return found.map(({ InstanceType, Location }) => ({ name: InstanceType ?? '', zone: Location ?? '' }))
  }

  /** What spot machines cost now, by TYPE/ZONE. */
  async #spotPrices(names: readonly string[]): Promise<Map<string, number>> {
    if (names.length === 0) return new Map()
    const input = {
      InstanceTypes: [...names] as InstanceTypes,
      ProductDescriptions: ['Linux/UNIX'],
      // From now on: the history then begins with the price that is in force.
      StartTime: new Date(this.#clock.now()),
    }
    const history = await this.#api.all('DescribeSpotPriceHistory', 'SpotPriceHistory', (ec2, page) =>
      ec2.describeSpotPriceHistory({ ...input, ...page }),
    )
    history.sort((a, b) => (a.Timestamp?.getTime() ?? 0) - (b.Timestamp?.getTime() ?? 0))
    const prices = new Map<string, number>()
    for (const { InstanceType, AvailabilityZone, SpotPrice } of history) {
      const price = Number(SpotPrice)
      if (price > 0) prices.set(`${InstanceType}/${AvailabilityZone}`, price)
    }
    return prices
  }
}

function sizeOf(kind: InstanceTypeInfo): Pick<Offer, 'cpus' | 'memoryMiB' | 'gpus'> {
  return {
    cpus: kind.VCpuInfo?.DefaultVCpus ?? 0,
    memoryMiB: kind.MemoryInfo?.SizeInMiB ?? 0,
    gpus: (kind.GpuInfo?.Gpus ?? []).reduce((sum, { Count }) => sum + (Count ?? 0), 0),
  }
}
