import { createHash } from 'node:crypto'
import type { MachineSpec } from '../driver.ts'

/** The namespace of the element in a domain's metadata that says which machine it is. */
export const metadataUri = 'urn:causeway:machine:1'

/** What the UUIDs of our domains begin with, by which they are told from others before their metadata is asked for. */
export const uuidPrefix = 'ca05e3a7'

/**
 * The UUID of a machine's domain. It follows from the id, so that libvirt itself refuses a second domain of one machine
 * at a host. Version 8 (RFC 9562, 5.8): our prefix, then 90 bits of a digest.
 */
export function uuidOf(id: string): string {
  const hex = createHash('sha256').update(`${metadataUri}:${id}`).digest('hex')
  const variant = ((Number.parseInt(hex.slice(7, 8), 16) & 0x3) | 0x8).toString(16)
  return `${uuidPrefix}-${hex.slice(0, 4)}-8${hex.slice(4, 7)}-${variant}${hex.slice(8, 11)}-${hex.slice(11, 23)}`
}

/** The name of a machine's domain: the node's for people, and the id, since one node may have two lives at a time. */
export function domainName(spec: Pick<MachineSpec, 'id' | 'name'>): string {
  return `${spec.name}.${spec.id}`
}
