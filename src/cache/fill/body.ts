import { type Extents, reach, withExtent } from '../store/extents.ts'
import type { Incoming } from '../store/port.ts'
import { blockBytes } from './next-range.ts'
import type { RecentBlocks } from './recent-blocks.ts'

/** Bytes that may wait for the disk before what brings more has to wait too. */
const writingBytes = 2 * 1024 * 1024

/** Bytes that a block begins with when nobody knows how long the body will be. */
const firstBytes = 16 * 1024

interface Block {
  /** Where in the body its first byte belongs. */
  readonly from: number
  /** Where the block ends at the latest. */
  readonly end: number
  /** Grows as long as it isn't full; a part that was handed out stays as it is. */
  bytes: Buffer
  /** Bytes that have come. */
  length: number
  /** Nothing more is added. */
  closed: boolean
}

/**
 * The bytes of a body that have come, from any places in any order: gathered in blocks in memory, from where followers take
 * them without a copy, and written to the disk a block at a time, from where others read them.
 *
 * Without a disk (`incoming` is null) only the last `windowBytes` can be read.
 */
export class Body {
  /** Bytes of the whole; undefined until its origin says or its end has come. */
  length: number | undefined
  readonly #incoming: Incoming | null
  readonly #recent: RecentBlocks
  readonly #windowBytes: number
  readonly #onLost: (error: unknown) => void
  readonly #blocks = new Map<number, Block[]>()
  readonly #window: Block[] = []
  readonly #writes = new Set<Promise<void>>()
  #writing = 0
  #windowed = 0
  #present: Extents
  #onDisk: Extents
  #lost = false

  /** @param onLost Told once, when the disk takes no more: what comes from then on isn't kept. */
  constructor(options: {
    length: number | undefined
    incoming: Incoming | null
    recent: RecentBlocks
    windowBytes: number
    onLost: (error: unknown) => void
  }) {
    this.length = options.length
    this.#incoming = options.incoming
    this.#recent = options.recent
    this.#windowBytes = options.windowBytes
    this.#onLost = options.onLost
    this.#present = options.incoming?.present ?? []
    this.#onDisk = this.#present
  }

  /** What has come. */
  get present(): Extents {
    return this.#present
  }

  get isWhole(): boolean {
    const { length } = this
    return length === 0 || (length !== undefined && reach(this.#present, 0) === length)
  }

  /** Takes bytes in; they are copied. Nothing that is present already. */
  add(chunk: Buffer, position: number): void {
    for (let done = 0; done < chunk.length; ) {
      const block = this.#blockAt(position + done)
      const bytes = Math.min(chunk.length - done, block.end - block.from - block.length)
      makeRoom(block, bytes)
      chunk.copy(block.bytes, block.length, done, done + bytes)
      block.length += bytes
      done += bytes
      if (block.from + block.length === block.end) this.#close(block)
    }
    this.#present = withExtent(this.#present, { start: position, end: position + chunk.length })
  }

  /** Writes what was gathered before `position` although its block isn't full: nothing more comes there for now. */
  rest(position: number): void {
    for (const block of this.#blocks.get(blockOf(position - 1)) ?? []) {
      if (!block.closed && block.from + block.length === position) this.#close(block)
    }
  }

  /** Resolves when the disk isn't behind; undefined when it isn't. */
  room(): Promise<void> | undefined {
    return this.#writing > writingBytes ? this.#catchUp() : undefined
  }

  async #catchUp(): Promise<void> {
    while (this.#writing > writingBytes) await Promise.race(this.#writes)
  }

  /** Resolves when all that was taken in is on disk, or the disk is lost. */
  async written(): Promise<void> {
    for (const blocks of this.#blocks.values()) for (const block of blocks) if (!block.closed) this.#close(block)
    while (this.#writes.size > 0) await Promise.all(this.#writes)
  }

  /** Bytes from `position` on that are in memory, at most `most`; not to be changed. */
  look(position: number, most: number): Buffer | undefined {
    for (const { from, length, bytes } of this.#blocks.get(blockOf(position)) ?? []) {
      const at = position - from
      if (at >= 0 && at < length) return bytes.subarray(at, Math.min(length, at + most))
    }
    return undefined
  }

  /** Whether what is at a position is on disk. */
  onDisk(position: number): boolean {
    return reach(this.#onDisk, position) > position
  }

  /** Before bytes come that only the digest can tell to be of the same version as those that are there. It never rejects. */
  async mix(): Promise<void> {
    if (!this.#incoming || this.#lost) return
    try {
      await this.#incoming.mix()
    } catch (error) {
      this.#lose(error)
    }
  }

  /** Reads from the disk; resolves to 0 where it isn't there. */
  async read(into: Buffer, position: number): Promise<number> {
    const bytes = Math.min(into.length, reach(this.#onDisk, position) - position)
    if (bytes <= 0 || !this.#incoming) return 0
    return this.#incoming.read(into.subarray(0, bytes), position)
  }

  #blockAt(position: number): Block {
    const index = blockOf(position)
    const blocks = this.#blocks.get(index)
    const open = blocks?.find(({ from, length, closed }) => !closed && from + length === position)
    if (open) return open
    const end = Math.min((index + 1) * blockBytes, this.length ?? Number.POSITIVE_INFINITY)
    const size = this.length === undefined ? Math.min(firstBytes, end - position) : end - position
    const block = { from: position, end, bytes: Buffer.allocUnsafeSlow(size), length: 0, closed: false }
    if (blocks) blocks.push(block)
    else this.#blocks.set(index, [block])
    return block
  }

  #close(block: Block): void {
    block.closed = true
    if (this.#incoming && !this.#lost) {
      const write = this.#write(this.#incoming, block)
      this.#writes.add(write)
      void write.then(() => this.#writes.delete(write))
      return
    }
    this.#window.push(block)
    this.#windowed += block.length
    while (this.#windowed > this.#windowBytes && this.#window.length > 1) {
      const oldest = this.#window.shift()
      if (!oldest) break
      this.#windowed -= oldest.length
      this.#drop(oldest)
    }
  }

  async #write(incoming: Incoming, block: Block): Promise<void> {
    const { length, from } = block
    this.#writing += length
    try {
      await incoming.write(block.bytes.subarray(0, length), from)
      this.#onDisk = withExtent(this.#onDisk, { start: from, end: from + length })
    } catch (error) {
      this.#lose(error)
    }
    this.#writing -= length
    this.#recent.keep(block.bytes.length, () => this.#drop(block))
  }

  #lose(error: unknown): void {
    if (this.#lost) return
    this.#lost = true
    this.#onLost(error)
  }

  #drop(block: Block): void {
    const index = blockOf(block.from)
    const left = (this.#blocks.get(index) ?? []).filter((each) => each !== block)
    if (left.length > 0) this.#blocks.set(index, left)
    else this.#blocks.delete(index)
  }
}

function blockOf(position: number): number {
  return Math.floor(position / blockBytes)
}

function makeRoom(block: Block, bytes: number): void {
  const needed = block.length + bytes
  if (needed <= block.bytes.length) return
  const grown = Buffer.allocUnsafeSlow(Math.min(block.end - block.from, Math.max(needed, 4 * block.bytes.length)))
  block.bytes.copy(grown, 0, 0, block.length)
  block.bytes = grown
}
