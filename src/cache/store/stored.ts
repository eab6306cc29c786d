import type { FileHandle } from 'node:fs/promises'
import { returnBuffer, takeBuffer } from './buffers.ts'
import { decodeHead, type FileHead } from './file-head.ts'

/** Bodies up to this many bytes are read whole, and may be kept in memory. */
const smallBytes = 64 * 1024

/** A kept response. Close it when done: it may hold a file open. */
export interface Stored extends FileHead {
  /** The whole body where it is small, else null. */
  readonly body: Buffer | null
  /** Reads bytes of the body from `position` on into `into`; resolves to how many, 0 at the end. */
  read(into: Buffer, position: number): Promise<number>
  close(): Promise<void>
}

/**
 * Reads a file of the store. A small one is read whole and the file closed; a large one keeps the file until `close`.
 * @returns undefined, with the file closed, when it isn't the file of this URL or is shorter than it says.
 */
export async function readStored(file: FileHandle, url: string): Promise<Stored | undefined> {
  const buffer = takeBuffer()
  let stored: Stored | undefined
  try {
    const { bytesRead } = await file.read(buffer, 0, 2 * smallBytes, 0)
    const decoded = decodeHead(buffer.subarray(0, bytesRead))
    if (decoded?.head.url !== url) return undefined
    const { head, bodyOffset } = decoded
    if (head.length > smallBytes) {
      stored = inFile(head, file, bodyOffset)
      return stored
    }
    if (bytesRead !== bodyOffset + head.length) return undefined
    return inMemory(head, Buffer.from(buffer.subarray(bodyOffset, bytesRead)))
  } finally {
    returnBuffer(buffer)
    if (!stored) await file.close()
  }
}

function inFile(head: FileHead, file: FileHandle, bodyOffset: number): Stored {
  return {
    ...head,
    body: null,
    read: async (into, position) => (await file.read(into, 0, into.length, bodyOffset + position)).bytesRead,
    close: () => file.close(),
  }
}

function inMemory(head: FileHead, body: Buffer): Stored {
  return {
    ...head,
    body,
    read: (into, position) => Promise.resolve(body.copy(into, 0, position)),
    close: () => Promise.resolve(),
  }
}
