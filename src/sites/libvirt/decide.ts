import { CausewayError } from '../../base/errors.ts'
import type { LibvirtConfig } from '../../config/drivers/libvirt.ts'
import type { Machine, MachineSpec } from '../driver.ts'
import type { Domain, Inventory, Stamp } from './inventory.ts'
import { type Candidate, type Need, needOf, type Placement, place, roomOf } from './placement.ts'
import type { Whereabouts } from './whereabouts.ts'

/** What a look at a host of the pool brought. */
export type Reading =
  | { readonly host: string; readonly inventory: Inventory; readonly error: null }
  | { readonly host: string; readonly inventory: null; readonly error: CausewayError }

/** A machine that is on its way to a host, and may not be in its inventory yet. */
export interface Coming {
  readonly id: string
  readonly host: string
  readonly need: Need
}

/** What is known when it is decided where a machine is to be made. */
export interface Knowledge {
  readonly site: string
  readonly config: LibvirtConfig
  readonly readings: readonly Reading[]
  readonly whereabouts: Pick<Whereabouts, 'mayHave' | 'isUncertain'>
  readonly coming: readonly Coming[]
  /** Where the image lies on each host that has it. */
  readonly image: string
  /** Whether it can be brought to a host that lacks it. */
  readonly canBring: boolean
  /** Whether machines of the site have a host's name. */
  readonly namesHosts: boolean
}

/** What is to be done about a machine that is wanted. */
export type Decision =
  | { readonly do: 'return'; readonly machine: Machine }
  /** Delete what is left of it at `clear`, then make it at `host`. */
  | { readonly do: 'make'; readonly host: string; readonly clear: readonly string[]; readonly need: Need }
  | { readonly do: 'refuse'; readonly error: CausewayError }

/**
 * Decides what `create` has to do for one machine.
 * @param failed why hosts that were tried already could not make it
 */
export function decide(spec: MachineSpec, failed: ReadonlyMap<string, CausewayError>, knowledge: Knowledge): Decision {
  const { site, readings, whereabouts, namesHosts } = knowledge
  const found = read(readings).flatMap(({ host, inventory }) =>
    inventory.domains.flatMap((domain) => (domain.stamp?.id === spec.id ? { host, domain, stamp: domain.stamp } : [])),
  )
  const [running] = found
    .filter(({ domain }) => domain.running)
    .toSorted((a, b) => a.stamp.createdAtMs - b.stamp.createdAtMs)
  if (running)
    return { do: 'return', machine: machineOf(running.stamp, running.domain, namesHosts ? running.host : null) }
  const [first] = readings
  if (first?.error && readings.every(({ error }) => error !== null)) {
    return { do: 'refuse', error: unreadable(site, 'no host answers', first.error) }
  }
  for (const { host, error } of readings) {
    if (error && whereabouts.mayHave(host, spec.id)) {
      return { do: 'refuse', error: unreadable(site, `${host} cannot be read and may have machine ${spec.id}`, error) }
    }
  }
  const need = needOf(spec, knowledge.config)
  const placement = place(need, candidates(spec, failed, knowledge), {
    placement: knowledge.config.placement,
    canBring: knowledge.canBring,
  })
  if (placement.host === null) return { do: 'refuse', error: refusal(spec, site, placement, failed) }
  const remains = [...found.map(({ host }) => host), ...uncertain(readings, whereabouts, spec.id)]
  // What is left at the host itself is cleared away by its script.
  const clear = [...new Set(remains)].filter((host) => host !== placement.host)
  return { do: 'make', host: placement.host, clear, need }
}

function read(readings: readonly Reading[]) {
  return readings.filter((reading) => reading.error === null)
}

function uncertain(readings: readonly Reading[], whereabouts: Knowledge['whereabouts'], id: string): string[] {
  return readings.flatMap(({ host }) => (whereabouts.isUncertain(host, id) ? host : []))
}

/** The hosts as far as a machine is concerned. */
function candidates(spec: MachineSpec, failed: ReadonlyMap<string, CausewayError>, knowledge: Knowledge): Candidate[] {
  const { config, readings, coming } = knowledge
  return readings.map(({ host, inventory, error }) => {
    const nothing = { cpus: 0, memoryMiB: 0, diskMiB: 0, hugePages: new Map<number, number>() }
    if (error) return { host, room: nothing, hasImage: false, closed: `it cannot be read: ${error.message}` }
    const there = new Set(inventory.domains.flatMap(({ active, stamp }) => (active && stamp ? stamp.id : [])))
    const onTheWay = coming.filter((one) => one.host === host && !there.has(one.id)).map((one) => one.need)
    const closed =
      closedBecause(host, inventory, config) ??
      (spec.avoidHosts.includes(host) ? 'it is to be avoided' : null) ??
      failed.get(host)?.message ??
      null
    const hasImage = inventory.files.has(knowledge.image)
    return { host, room: roomOf(inventory, onTheWay, config), hasImage, closed }
  })
}

/** Why a host that was read takes no machines at all now; null: it does. */
export function closedBecause(host: string, inventory: Inventory, config: LibvirtConfig): string | null {
  if (config.hosts?.[host]?.maintenance) return 'it is in maintenance'
  if (config.accelerator === 'kvm' && inventory.withoutKvm !== null) return `KVM does not work: ${inventory.withoutKvm}`
  return null
}

function refusal(
  spec: MachineSpec,
  site: string,
  placement: Placement & { readonly host: null },
  failed: ReadonlyMap<string, CausewayError>,
): CausewayError {
  // Where hosts tried and failed, how the last of them did says more than that none is left.
  const last = [...failed.values()].at(-1)
  if (last) return last
  const { reasons, imageMissing } = placement
  const facts = { site, reasons }
  if (imageMissing) {
    return new CausewayError('ImageMissing', `${site}: no host has the image ${spec.image}`, { facts })
  }
  return new CausewayError('InsufficientCapacity', `${site}: no host can take ${spec.name}: ${reasons.join('; ')}`, {
    facts,
  })
}

/** Whether an error says that a host could not be asked at all. */
export function isDark({ code }: CausewayError): boolean {
  return code === 'HostUnreachable' || code === 'HostKeyMismatch' || code === 'Unauthorized'
}

/** The error that something is not known because of a host that cannot be read. */
export function unreadable(site: string, what: string, cause: CausewayError): CausewayError {
  // A wrong key is for a person to mend, and told as it is.
  const code = isDark(cause) ? cause.code : 'HostUnreachable'
  return new CausewayError(code, `${site}: ${what}: ${cause.message}`, {
    cause,
    facts: cause.facts,
  })
}

/** A machine as the port shows it. */
export function machineOf(stamp: Stamp, { running }: Pick<Domain, 'running'>, host: string | null): Machine {
  const { id, name, cluster, createdAtMs } = stamp
  return { id, name, cluster, state: running ? 'running' : 'stopped', createdAtMs, host, address: null, leaving: null }
}
