import { CausewayError } from '../../base/errors.ts'
import { Turns } from './turns.ts'

/** Milliseconds for which what the file system said of its free bytes is good, corrected by what was done since. */
const goodForMs = 500

/** Bytes to ask for at a time while a body of unknown length comes: the first before it begins. */
export const stepBytes = 1024 * 1024

export interface RoomDeps {
  /** Bytes that bodies may take; undefined: no limit. */
  readonly quota: number | undefined
  /** Bytes of the file system that stay free. */
  readonly keepFree: number
  /** Free bytes of the file system. */
  readonly free: () => Promise<number>
  /** Throws away what is worth least until so many bytes are free again, or nothing may go any more; tells how many went. */
  readonly evict: (bytes: number) => Promise<number>
  readonly now: () => number
}

/** Sees to it that bodies stay within the quota, and the file system above its floor. */
export class Room {
  readonly #deps: RoomDeps
  #taken = 0
  #promised = 0
  #free = 0
  #askedMs: number | undefined
  #looking: Promise<void> | undefined
  /** One makes room after the other: else each would make it for all that are promised. */
  readonly #turns = new Turns()

  constructor(deps: RoomDeps) {
    this.#deps = deps
  }

  /** Bytes on disk and promised to bodies on their way. */
  get taken(): number {
    return this.#taken
  }

  /** Counts what is on disk already. */
  found(bytes: number): void {
    this.#taken += bytes
  }

  /**
   * Promises bytes to a body, evicting others where that takes it.
   * @throws CausewayError `StoreFull`
   */
  async take(bytes: number): Promise<void> {
    const { quota = Number.POSITIVE_INFINITY, keepFree } = this.#deps
    // Promised first: what else is promised meanwhile counts it.
    this.#taken += bytes
    this.#promised += bytes
    try {
      await this.#look()
      // What is promised can't be evicted: where all the rest is too little, nothing goes in vain.
      const onDisk = this.#taken - this.#promised
      if (this.#promised > Math.min(quota, this.#free + onDisk - keepFree)) throw full(bytes)
      if (this.#over() > 0) await this.#turns.take('room', () => this.#make(bytes))
    } catch (error) {
      this.#taken -= bytes
      this.#promised -= bytes
      throw error
    }
  }

  async #make(bytes: number): Promise<void> {
    for (let over = this.#over(); over > 0; over = this.#over()) {
      if ((await this.#deps.evict(over)) > 0) continue
      // Someone else's file may have gone, or this estimate be wrong: ask once more before refusing.
      await this.#look(true)
      if (this.#over() > 0) throw full(bytes)
    }
  }

  /** Bytes that are too many now. */
  #over(): number {
    const { quota = Number.POSITIVE_INFINITY, keepFree } = this.#deps
    return Math.max(this.#taken - quota, this.#promised + keepFree - this.#free)
  }

  /** Some of the promised bytes are on disk now. */
  wrote(bytes: number): void {
    this.#promised -= bytes
    this.#free -= bytes
  }

  /** Promised bytes that will not be needed. */
  giveBack(bytes: number): void {
    this.#taken -= bytes
    this.#promised -= bytes
  }

  /** Bytes have gone from the disk. */
  freed(bytes: number): void {
    this.#taken -= bytes
    this.#free += bytes
  }

  /** Evicts when the file system has come below its floor by what others do. */
  async relieve(): Promise<void> {
    await this.#look(true)
    await this.#turns.take('room', async () => {
      const over = this.#over()
      if (over > 0) await this.#deps.evict(over)
    })
  }

  async #look(anew = false): Promise<void> {
    const age = this.#askedMs === undefined ? -1 : this.#deps.now() - this.#askedMs
    if (!anew && age >= 0 && age < goodForMs) return
    this.#looking ??= this.#ask()
    await this.#looking
  }

  async #ask(): Promise<void> {
    try {
      this.#free = await this.#deps.free()
      this.#askedMs = this.#deps.now()
    } finally {
      this.#looking = undefined
    }
  }
}

function full(bytes: number): CausewayError {
  return new CausewayError('StoreFull', `there is no room for ${bytes} more bytes`)
}
