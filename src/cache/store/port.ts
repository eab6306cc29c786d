import type { Headers } from '../headers.ts'
import type { Expected } from '../verify/expected.ts'

/** The bytes from `start` up to but without `end`. */
export interface Extent {
  readonly start: number
  readonly end: number
}

/** What is known of a kept response besides its bytes. */
export interface Kept {
  /** What it is kept under, see `Wanted.key`. */
  readonly key: string
  readonly status: number
  readonly headers: Headers
  /** Bytes of the body. */
  readonly length: number
  /** Of the body, lower-case hexadecimal. */
  readonly sha256: string
  /** When the origin last said that it is so; milliseconds since the epoch. */
  readonly validatedAtMs: number
}

/** A kept response to read from. Close it when done: it may hold a file open, and what is open is not evicted. */
export interface Stored extends Kept {
  /** The whole body where it is small, else null. */
  readonly body: Buffer | null
  /**
   * Reads one block of the body (`blockBytes`, the last one less) without waiting, if it was checked a moment ago and is in
   * the kernel's memory; the bytes it has, undefined where `read` is needed.
   * @param position Where a block begins.
   */
  readAtHand?(into: Buffer, position: number): number | undefined
  /**
   * Reads bytes of the body from `position` on into `into`; resolves to how many, 0 at the end. Each block is checked
   * against its checksum before any of it is handed out.
   * @throws CausewayError `DamagedBody`; the response is then no longer kept
   */
  read(into: Buffer, position: number): Promise<number>
  close(): Promise<void>
}

/** The head of a response whose body begins to come. */
export interface IncomingHead {
  readonly key: string
  readonly status: number
  readonly headers: Headers
  /** Bytes of the whole body; undefined while the origin doesn't say. */
  readonly length: number | undefined
  readonly expected: Expected | undefined
}

/** What is known once the body is complete. */
export interface Completion {
  /** Bytes of the body. */
  readonly length: number
  readonly validatedAtMs: number
  /** Milliseconds that fetching took: what it would cost to have it again. */
  readonly fetchMs: number
}

/**
 * A body on its way into the store. End it with `commit`, `suspend` or `discard`, and `close` it when nobody reads it
 * any more.
 */
export interface Incoming {
  readonly head: IncomingHead
  /** What an earlier transfer left, checked: in order, apart from one another. Empty for a new one. */
  readonly present: readonly Extent[]
  /**
   * Positions may come in any order, and writes may overlap in time, but no byte is written twice. The chunk is the store's
   * from then on: nobody changes it any more.
   */
  write(chunk: Buffer, position: number): Promise<void>
  /**
   * Notes that what is written from now on may be of another version than what is there, and only the digest that is
   * expected can tell: what a later `resume` hands out has no validators. Not for one without such a digest.
   */
  mix(): Promise<void>
  /** Only what is present or was written. */
  read(into: Buffer, position: number): Promise<number>
  /**
   * Makes it the response kept for its key; until then nobody can find it, after it nobody finds another.
   * @throws CausewayError `DigestMismatch` when it isn't what `expected` says: it is then discarded
   */
  commit(completion: Completion): Promise<Kept>
  /** Leaves what has come for a later `resume`, also after a crash; discards it where it could not be continued. */
  suspend(): Promise<void>
  discard(): Promise<void>
  close(): Promise<void>
}

/** Which kept responses are meant: all, or only those that fit. */
export interface Selection {
  /** Keys that begin so. */
  readonly prefix?: string
  /** At most so many. */
  readonly limit?: number
}

/** A line of `causeway cache ls`. */
export interface Listed extends Kept {
  readonly storedAtMs: number
  readonly usedAtMs: number
  /** Times that it was found. */
  readonly uses: number
  readonly fetchMs: number
  readonly pins: readonly string[]
}

/** What an inspection of bodies found. */
export interface Verified {
  readonly responses: number
  readonly bytes: number
  /** Keys that were damaged; they are no longer kept. */
  readonly damaged: readonly string[]
}

/** What a purge did. */
export interface Purged {
  readonly removed: number
  /** Keys that were selected and stay because they are pinned: indexes that are in use. */
  readonly pinned: number
}

/** How full it is. */
export interface Usage {
  readonly responses: number
  /** Bytes of kept bodies; a body kept under two keys counts once. */
  readonly bytes: number
  /** Bytes of transfers that were broken off and may go on. */
  readonly partialBytes: number
  readonly evictedBytes: number
  /** Undefined: no quota. */
  readonly quota: number | undefined
  /** Of the file system; 0 when it can't be asked. */
  readonly freeBytes: number
}

/**
 * Responses on disk. Bodies are plain files named by their SHA-256, so one that is kept under several keys is there once;
 * what is known of them is in SQLite. A reader's open body stays what it was when opened.
 *
 * A disk or database that fails makes it `troubled`, and an event tells of it. What only asks (`peek`, `find`, `resume`,
 * `lastDigest`, `usage`), `touch`, `pin` and `unpin` then do as if nothing were kept; all else throws what failed.
 */
export interface Store {
  /** Whether something failed on the disk lately: it may be full or broken, and clients are better served past it. */
  readonly troubled: boolean
  /** Another room failed to write to the disk or the database: it is in trouble. */
  failed(error: unknown): void
  /** What is kept for a key if that can be had at once: it is small and in memory, or its file is open. */
  peek(key: string): Stored | undefined
  /** The response kept for a key. */
  find(key: string): Promise<Stored | undefined>
  /**
   * Begins to take in a response; its body comes with `write`. What was suspended for its key is given up.
   * @throws CausewayError `StoreFull` when nothing more can be evicted; so does `write` where the length isn't known
   */
  begin(head: IncomingHead): Promise<Incoming>
  /**
   * What a broken-off transfer left for a key, to go on with; it is handed out once at a time. Where there is no room for the
   * rest it is given up.
   */
  resume(key: string): Promise<Incoming | undefined>
  /** Keeps a body that is there already under one more key. False when no such body is kept. */
  link(sha256: string, kept: Omit<Kept, 'length' | 'sha256'>): Promise<boolean>
  /** Notes that the origin just said that what is kept for a key is still so, and with which headers. */
  touch(key: string, headers: Headers, validatedAtMs: number): Promise<void>
  remove(key: string): Promise<void>
  /** What was kept last for a key, also when it has been evicted since: to notice other content under one name. */
  lastDigest(key: string): string | undefined
  /**
   * From now on these keys, and no others, are pinned under the name: a pinned response is not evicted. A key may be
   * pinned before it is kept.
   */
  pin(name: string, keys: readonly string[]): void
  unpin(name: string): void
  /** In the order of the keys, all in memory: give a limit where there may be many. */
  list(selection: Selection): Listed[]
  /** The same one by one, read as they are gone through: what comes to be kept meanwhile may be missing. */
  each(selection: Selection): Iterable<Listed>
  /**
   * Reads bodies and compares them with their digests, one at a time. `progress` is told after each. What is damaged is no
   * longer kept then.
   */
  verify(selection: Selection, progress?: (soFar: Verified) => void): Promise<Verified>
  /** Removes what is selected; not what is pinned. */
  purge(selection: Selection): Promise<Purged>
  usage(): Promise<Usage>
  close(): Promise<void>
}
