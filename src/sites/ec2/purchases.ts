import { CausewayError } from '../../base/errors.ts'
import type { Ec2Settings } from '../../config/drivers/ec2.ts'
import type { MachineSpec, Offer } from '../driver.ts'

/** One way to get a machine: what, where, and in which market. */
export interface Purchase {
  readonly instanceType: string
  readonly zone: string
  readonly subnet: string
  readonly market: 'on-demand' | 'spot'
  /** Of a spot machine; undefined: the price on demand. */
  readonly maxPrice: number | undefined
}

/** What a purchase is remembered by. */
export function purchaseKey({ instanceType, zone, market }: Omit<Purchase, 'subnet' | 'maxPrice'>): string {
  return `${instanceType}/${zone}/${market}`
}

/**
 * All ways to get a machine, the best first: spot before on demand where the type wants it so, then the cheapest, those without a
 * known price last, then as the configuration has the instance types and the zones.
 * @throws CausewayError `InvalidRequest` when the configuration has nothing that could be bought for the spec;
 *   `InsufficientCapacity` when all zones are to be avoided
 */
export function purchasesFor(
  site: string,
  settings: Ec2Settings,
  spec: Pick<MachineSpec, 'type' | 'name' | 'cpus' | 'memoryMiB' | 'avoidHosts'>,
  offers: readonly Offer[],
): Purchase[] {
  const type = settings.types[spec.type]
  if (!type) {
    throw new CausewayError(
      'InvalidRequest',
      `${site}: node type ${spec.type} has no instance types: add sites.${site}.driver.types.${spec.type}`,
    )
  }
  const zones = Object.entries(settings.zones).filter(([zone]) => !spec.avoidHosts.includes(zone))
  if (zones.length === 0) {
    throw new CausewayError('InsufficientCapacity', `${site}: no zone is left for ${spec.name}: all are to be avoided`)
  }
  const sold = new Map(offers.map((offer) => [offerKey(offer), offer]))
  const purchases = marketsOf(type).flatMap((market) =>
    type.instanceTypes
      .flatMap((instanceType) =>
        zones.flatMap(([zone, subnet]) => {
          const offer = sold.get(purchaseKey({ instanceType, zone, market }))
          if (!offer || offer.cpus < spec.cpus || offer.memoryMiB < spec.memoryMiB) return []
          const maxPrice = market === 'spot' ? type.maxPrice : undefined
          return [{ price: offer.pricePerHour ?? Infinity, purchase: { instanceType, zone, subnet, market, maxPrice } }]
        }),
      )
      // A stable sort: of those that cost the same the first in the configuration stays the first.
      .sort((a, b) => (a.price === b.price ? 0 : a.price - b.price))
      .map(({ purchase }): Purchase => purchase),
  )
  if (purchases.length > 0) return purchases
  throw new CausewayError(
    'InvalidRequest',
    `${site}: none of ${type.instanceTypes.join(', ')} has ${spec.cpus} CPUs and ${spec.memoryMiB} MiB and is sold in ` +
      `${zones.map(([zone]) => zone).join(', ')}: change sites.${site}.driver.types.${spec.type}`,
  )
}

/** The markets that a node type buys in, the preferred one first. */
export function marketsOf({ market }: Ec2Settings['types'][string]): Purchase['market'][] {
  if (market === 'spot-first') return ['spot', 'on-demand']
  return [market === 'spot' ? 'spot' : 'on-demand']
}

function offerKey({ name, zone, interruptible }: Offer): string {
  return purchaseKey({ instanceType: name, zone: zone ?? '', market: interruptible ? 'spot' : 'on-demand' })
}
