import type { LibvirtConfig } from '../../config/drivers/libvirt.ts'
import type { MachineSpec } from '../driver.ts'
import { tbCacheMiB } from './domain-xml.ts'
import type { Inventory } from './inventory.ts'

/** What QEMU itself needs for a machine, MiB, besides the memory that the machine has. */
export const overheadMiB = 96

/** What a machine takes of a host. */
export interface Need {
  readonly cpus: number
  readonly memoryMiB: number
  /** Size in KiB of the huge pages that its memory comes from; null: common pages. */
  readonly hugePageKiB: number | null
}

/** What a host still has for machines. */
export interface Room {
  readonly cpus: number
  readonly memoryMiB: number
  readonly diskMiB: number
  /** Huge pages by their size in KiB. */
  readonly hugePages: ReadonlyMap<number, number>
}

/** A host that a machine could go to. */
export interface Candidate {
  readonly host: string
  readonly room: Room
  /** Whether the image is there. */
  readonly hasImage: boolean
  /** Why the host takes no machine, whatever its room; null: it does. */
  readonly closed: string | null
}

/** Where a machine goes; or, for each host, why not there. */
export type Placement =
  | { readonly host: string }
  | { readonly host: null; readonly imageMissing: boolean; readonly reasons: readonly string[] }

/** What a machine of a spec takes. */
export function needOf(spec: Pick<MachineSpec, 'cpus' | 'memoryMiB' | 'type'>, config: LibvirtConfig): Need {
  const size = config.types[spec.type]?.hugePages
  const hugePageKiB = size === undefined ? null : size === '1GiB' ? 2 ** 20 : 2 ** 11
  return { cpus: spec.cpus, memoryMiB: spec.memoryMiB, hugePageKiB }
}

/**
 * What a host has left. Its kernel tells what it could give now; running machines may still claim all that they were
 * given and have not touched yet, and the host keeps its reserve. Machines that are on their way and not in the
 * inventory (`coming`) count as if they were there.
 */
export function roomOf(inventory: Inventory, coming: readonly Need[], config: LibvirtConfig): Room {
  const active = inventory.domains.filter((domain) => domain.active)
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  const untouched = sum(
    active.map(({ memoryMiB, residentMiB, hugePages: huge }) => (huge ? 0 : Math.max(0, memoryMiB - residentMiB))),
  )
  const hugePages = new Map(inventory.hugePages)
  for (const { hugePageKiB, memoryMiB } of coming) {
    if (hugePageKiB !== null) {
      hugePages.set(hugePageKiB, (hugePages.get(hugePageKiB) ?? 0) - pagesFor(memoryMiB, hugePageKiB))
    }
  }
  const reserveMiB = Math.ceil(config.reserve.memory / 2 ** 20)
  return {
    cpus:
      inventory.cpus * config.cpuOvercommit - sum(active.map(({ cpus }) => cpus)) - sum(coming.map(({ cpus }) => cpus)),
    memoryMiB: inventory.availableMiB - untouched - reserveMiB - sum(coming.map(commonMiB)),
    diskMiB: inventory.diskMiB - Math.ceil(config.reserve.disk / 2 ** 20),
    hugePages,
  }
}

function pagesFor(memoryMiB: number, pageKiB: number): number {
  return Math.ceil((memoryMiB * 1024) / pageKiB)
}

/** What a machine takes of the host's common memory. */
function commonMiB({ memoryMiB, hugePageKiB }: Need): number {
  return (hugePageKiB === null ? memoryMiB : 0) + overheadMiB + tbCacheMiB
}

/**
 * Chooses a host. Those that have the image come first, since others must fetch it; among equals the one with the most
 * free memory (`spread`) or the least that suffices (`pack`), then the one with the most CPUs, then by name.
 * @param canBring whether a host that lacks the image can get it
 */
export function place(
  need: Need,
  candidates: readonly Candidate[],
  rules: { readonly placement: 'spread' | 'pack'; readonly canBring: boolean },
): Placement {
  const refusals = candidates.map((candidate) => ({ candidate, reason: refusal(need, candidate) }))
  const willing = refusals.flatMap(({ candidate, reason }) => (reason === null ? candidate : []))
  const able = willing.filter(({ hasImage }) => hasImage || rules.canBring)
  const sign = rules.placement === 'spread' ? -1 : 1
  const [best] = able.toSorted(
    (a, b) =>
      Number(b.hasImage) - Number(a.hasImage) ||
      sign * (a.room.memoryMiB - b.room.memoryMiB) ||
      b.room.cpus - a.room.cpus ||
      (a.host < b.host ? -1 : 1),
  )
  if (best) return { host: best.host }
  const reasons = refusals.map(({ candidate: { host }, reason }) => `${host}: ${reason ?? 'it has no such image'}`)
  // Only where no host that has the image could ever take it: else it is room that is missing.
  const imageMissing = !rules.canBring && candidates.length > 0 && candidates.every(({ hasImage }) => !hasImage)
  return { host: null, imageMissing: imageMissing && willing.length > 0, reasons }
}

/** Why a host can't take a machine now; null: it can. */
function refusal(need: Need, { closed, room }: Candidate): string | null {
  if (closed !== null) return closed
  if (room.diskMiB <= 0) return 'its disk is full but for the reserve'
  if (need.cpus > room.cpus) return `${Math.max(0, room.cpus)} CPUs are free, ${need.cpus} are wanted`
  const common = commonMiB(need)
  if (common > room.memoryMiB) return `${Math.max(0, room.memoryMiB)} MiB are free, ${common} are wanted`
  if (need.hugePageKiB !== null) {
    const pages = pagesFor(need.memoryMiB, need.hugePageKiB)
    const free = room.hugePages.get(need.hugePageKiB) ?? 0
    if (pages > free) return `${Math.max(0, free)} huge pages of ${need.hugePageKiB} KiB are free, ${pages} are wanted`
  }
  return null
}
