import { createHash } from 'node:crypto'
import { CausewayError } from '../../base/errors.ts'
import type { MachineSpec, Offer } from '../driver.ts'
import type { Zone } from './nova.ts'
import type { Flavor, Limits } from './schemas.ts'

/**
 * The zones to try for a machine, in order. Where it begins follows from the machine's id, so that machines spread, and the
 * same one comes to the same zone again.
 * @throws CausewayError `InsufficientCapacity` when there is none
 */
export function zonesFor(
  site: string,
  zones: readonly Zone[],
  { id, avoidHosts }: Pick<MachineSpec, 'id' | 'avoidHosts'>,
): readonly [string, ...string[]] {
  const open = zones.filter(({ name, available }) => available && !avoidHosts.includes(name)).map(({ name }) => name)
  const sorted = open.toSorted()
  const at = createHash('sha256').update(id).digest().readUInt32BE() % sorted.length
  const [first, ...others] = [...sorted.slice(at), ...sorted.slice(0, at)]
  if (first !== undefined) return [first, ...others]
  const why = zones.map(({ name, available }) => `${name} ${available ? 'is to be avoided' : 'is not available'}`)
  throw new CausewayError('InsufficientCapacity', `${site}: no zone takes machines now: ${why.join(', ')}`)
}

/**
 * A flavor by id or name that is large enough.
 * @throws CausewayError `InvalidRequest`
 */
export function flavorFor(site: string, flavors: readonly Flavor[], wanted: string, spec: MachineSpec): Flavor {
  const flavor = flavors.find(({ id }) => id === wanted) ?? flavors.find(({ name }) => name === wanted)
  if (!flavor) throw new CausewayError('InvalidRequest', `${site}: the cloud has no flavor ${wanted}`)
  if (flavor.vcpus >= spec.cpus && flavor.ram >= spec.memoryMiB) return flavor
  throw new CausewayError(
    'InvalidRequest',
    `${site}: flavor ${wanted} has ${flavor.vcpus} CPUs and ${flavor.ram} MiB, node type ${spec.type} is to have ` +
      `${spec.cpus} and ${spec.memoryMiB}: choose another flavor, or lower the type`,
  )
}

/** A flavor as what the site offers. */
export function offerOf({ name, vcpus, ram, extra_specs = {} }: Flavor): Offer {
  const gpus = gpusOf(extra_specs)
  return { name, zone: null, cpus: vcpus, memoryMiB: ram, gpus, pricePerHour: null, interruptible: false }
}

/** Virtual GPUs are a resource class; whole ones are PCI devices under an alias that the operator names. */
function gpusOf(specs: Readonly<Record<string, string>>): number {
  const aliases = (specs['pci_passthrough:alias'] ?? '').split(',').map((alias) => alias.split(':'))
  const whole = aliases
    .filter(([name = '']) => /gpu/i.test(name))
    .reduce((sum, [, count = '1']) => sum + Number(count), 0)
  return (whole || 0) + (Number(specs['resources:VGPU'] ?? 0) || 0)
}

/**
 * How many machines more the quota allows, of the smallest of these flavors; null: as many as one likes.
 */
export function machinesLeft(limits: Limits, flavors: readonly Flavor[]): number | null {
  const room = (most: number, used: number, each: number) =>
    most < 0 || each === 0 ? Infinity : Math.max(0, Math.floor((most - used) / each))
  const smallest = (key: 'vcpus' | 'ram') => Math.min(...flavors.map((flavor) => flavor[key]))
  const known = flavors.length > 0
  const left = Math.min(
    room(limits.maxTotalInstances, limits.totalInstancesUsed, 1),
    known ? room(limits.maxTotalCores, limits.totalCoresUsed, smallest('vcpus')) : Infinity,
    known ? room(limits.maxTotalRAMSize, limits.totalRAMUsed, smallest('ram')) : Infinity,
  )
  return left === Infinity ? null : left
}
