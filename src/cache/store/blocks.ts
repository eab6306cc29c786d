import { crc32 } from 'node:zlib'
import { type Extents, withExtent } from './extents.ts'

/**
 * Bytes of a block: what one checksum stands for. Blocks begin at multiples of it; the last one of a body is shorter.
 * Large enough that a checksum costs little beside reading, small enough that a range costs little to check.
 */
export const blockBytes = 256 * 1024

export function blockCount(length: number): number {
  return Math.ceil(length / blockBytes)
}

/** Bytes of the block `index` of a body of `length` bytes. */
export function blockLength(index: number, length: number): number {
  return Math.max(0, Math.min(blockBytes, length - index * blockBytes))
}

/** Four bytes for each block of a body, little-endian: its CRC-32. */
export type Sums = Buffer

/** The checksums of a body that is in memory. */
export function sumsOf(body: Buffer): Sums {
  const sums = Buffer.alloc(blockCount(body.length) * 4)
  for (let index = 0; index * blockBytes < body.length; index += 1) {
    sums.writeUInt32LE(crc32(body.subarray(index * blockBytes, (index + 1) * blockBytes)), index * 4)
  }
  return sums
}

/** Whether `bytes` is what block `index` was when its checksum was made. */
export function isWhole(sums: Sums, index: number, bytes: Buffer): boolean {
  return (index + 1) * 4 <= sums.length && crc32(bytes) === sums.readUInt32LE(index * 4)
}

/** The extents of blocks that are there, each from its beginning: `lengths[index]` bytes of block `index`. */
export function extentsOf(lengths: readonly number[]): Extents {
  return lengths.reduce<Extents>((extents, bytes, index) => {
    const start = index * blockBytes
    return withExtent(extents, { start, end: start + bytes })
  }, [])
}
