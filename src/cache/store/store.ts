import { createHash, randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Headers } from '../headers.ts'
import { HeadWriter, validatedAtOffset } from './file-head.ts'
import { SmallBodies } from './small-bodies.ts'
import { readStored, type Stored } from './stored.ts'

/** Bytes of small bodies in memory. */
const memoryBytes = 64 * 1024 * 1024

/** Milliseconds that a store counts as troubled after an operation on it failed. */
const troubleMs = 30_000

/** A body on its way into the store. End it with `commit` or `discard`, and `close` it when nobody reads it any more. */
export interface Incoming {
  write(chunk: Buffer, position: number): Promise<void>
  read(into: Buffer, position: number): Promise<number>
  /** Makes it the response kept for its URL; until then nobody can find it. */
  commit(length: number, validatedAtMs: number): Promise<void>
  discard(): Promise<void>
  close(): Promise<void>
}

/**
 * Responses on disk, one file each, named by the SHA-256 of their URL.
 *
 * A file is written under `incoming/` and renamed into `kept/` when complete, so whatever moment the process dies at,
 * a half one is never found. What is left in `incoming/` is swept when the store is opened. A reader's open file stays
 * the version that it opened.
 */
export class Store {
  readonly #folder: string
  readonly #clock: Clock
  readonly #small = new SmallBodies(memoryBytes)
  /** Counts changes: what was read from disk across a change is not remembered in memory. */
  #changes = 0
  #troubledUntilMs = 0

  private constructor(folder: string, clock: Clock) {
    this.#folder = folder
    this.#clock = clock
  }

  static async open(folder: string, clock: Clock): Promise<Store> {
    await mkdir(join(folder, 'kept'), { recursive: true, mode: 0o755 })
    await mkdir(join(folder, 'incoming'), { recursive: true, mode: 0o755 })
    for (const left of await readdir(join(folder, 'incoming')))
      await rm(join(folder, 'incoming', left), { force: true })
    return new Store(folder, clock)
  }

  /** Whether something failed on the disk lately: it may be full or broken, and clients are better served past it. */
  get troubled(): boolean {
    return this.#clock.now() < this.#troubledUntilMs
  }

  /** What is kept for a URL if it is small and in memory. */
  peek(url: string): Stored | undefined {
    return this.#small.get(url)
  }

  /** The response kept for a URL, if there is one. A file that isn't what it should be is removed and not found. */
  async find(url: string): Promise<Stored | undefined> {
    const small = this.#small.get(url)
    if (small) return small
    const changes = this.#changes
    const stored = await this.#noting(this.#findOnDisk(url))
    if (stored?.body && changes === this.#changes) this.#small.set(url, stored)
    return stored
  }

  async #findOnDisk(url: string): Promise<Stored | undefined> {
    const file = await unlessMissing(open(this.#path(url), 'r'))
    if (!file) return undefined
    const stored = await readStored(file, url)
    if (!stored) await this.remove(url)
    return stored
  }

  /** Begins to take in a response; its body comes with `write`. */
  async begin(url: string, status: number, headers: Headers): Promise<Incoming> {
    const head = new HeadWriter(url, status, headers)
    const path = join(this.#folder, 'incoming', randomUUID())
    const file = await this.#noting(open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o644))
    const offset = head.bodyOffset
    const commit = async (length: number, validatedAtMs: number) => {
      await writeAll(file, head.encode(length, validatedAtMs), 0)
      await rename(path, this.#path(url))
      this.#forget(url)
    }
    return {
      write: (chunk, position) => this.#noting(writeAll(file, chunk, offset + position)),
      read: async (into, position) => (await file.read(into, 0, into.length, offset + position)).bytesRead,
      commit: (length, validatedAtMs) => this.#noting(commit(length, validatedAtMs)),
      discard: () => rm(path, { force: true }),
      close: () => file.close(),
    }
  }

  /** Notes that the origin just said that what is kept for a URL is still so. */
  async touch(url: string, validatedAtMs: number): Promise<void> {
    const file = await this.#noting(unlessMissing(open(this.#path(url), 'r+')))
    if (!file) return
    try {
      const time = Buffer.alloc(8)
      time.writeBigUInt64LE(BigInt(validatedAtMs))
      await this.#noting(writeAll(file, time, validatedAtOffset))
    } finally {
      this.#forget(url)
      await file.close()
    }
  }

  async remove(url: string): Promise<void> {
    await rm(this.#path(url), { force: true })
    this.#forget(url)
  }

  /** Passes a result on, and remembers a failure. */
  async #noting<T>(operation: Promise<T>): Promise<T> {
    try {
      return await operation
    } catch (error) {
      this.#troubledUntilMs = this.#clock.now() + troubleMs
      throw error
    }
  }

  #forget(url: string): void {
    this.#changes += 1
    this.#small.delete(url)
  }

  #path(url: string): string {
    return join(this.#folder, 'kept', createHash('sha256').update(url).digest('hex'))
  }
}

async function unlessMissing(opening: Promise<FileHandle>): Promise<FileHandle | undefined> {
  try {
    return await opening
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function writeAll(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position + done)
    done += bytesWritten
  }
}
