import type { Headers } from '../headers.ts'

/** What is known of a kept body besides its bytes. */
export interface FileHead {
  readonly url: string
  readonly status: number
  readonly headers: Headers
  /** Bytes of the body. */
  readonly length: number
  /** When the origin last said that it is so; milliseconds since the epoch. */
  readonly validatedAtMs: number
}

/*
 * A file of the store: a fixed part (magic, bytes of the description, bytes of the body, time of validation), the
 * description as JSON, the body. All in one file, so that one rename makes all of it appear.
 */
const magic = Buffer.from('CWCACHE1')
const fixedBytes = 32

/** Where in a file the time of validation is: 8 bytes, little-endian. */
export const validatedAtOffset = 24

/** The description of a response; its length is where the body starts in the file, and known before the body is. */
export class HeadWriter {
  readonly #description: Buffer

  constructor(url: string, status: number, headers: Headers) {
    this.#description = Buffer.from(JSON.stringify({ url, status, headers }))
  }

  /** Where the body starts. */
  get bodyOffset(): number {
    return fixedBytes + this.#description.length
  }

  /** The bytes in front of the body. */
  encode(length: number, validatedAtMs: number): Buffer {
    const fixed = Buffer.alloc(fixedBytes)
    magic.copy(fixed)
    fixed.writeUInt32LE(this.#description.length, 8)
    fixed.writeBigUInt64LE(BigInt(length), 16)
    fixed.writeBigUInt64LE(BigInt(validatedAtMs), validatedAtOffset)
    return Buffer.concat([fixed, this.#description])
  }
}

/**
 * Reads what `HeadWriter` wrote from the beginning of a file.
 * @returns undefined when it is no such file or `bytes` ends too early.
 */
export function decodeHead(bytes: Buffer): { head: FileHead; bodyOffset: number } | undefined {
  if (bytes.length < fixedBytes || !bytes.subarray(0, magic.length).equals(magic)) return undefined
  const bodyOffset = fixedBytes + bytes.readUInt32LE(8)
  if (bytes.length < bodyOffset) return undefined
  try {
    const description = JSON.parse(bytes.toString('utf8', fixedBytes, bodyOffset)) as Omit<FileHead, 'length'>
    const length = Number(bytes.readBigUInt64LE(16))
    return {
      head: { ...description, length, validatedAtMs: Number(bytes.readBigUInt64LE(validatedAtOffset)) },
      bodyOffset,
    }
  } catch {
    return undefined
  }
}
