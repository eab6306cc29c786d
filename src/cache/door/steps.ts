/** Bytes that go to a client in one step: one block of the store, so that no block is read and checked twice. */
export const stepBytes = 256 * 1024

/** Buffers in all; more clients than that take turns. 12 MiB. */
const mostBuffers = 48

/**
 * Milliseconds that a client may take for one step while others wait for a buffer. Long enough for one of thousands on a
 * machine that is busy with the others.
 */
const patienceMs = 20_000

/** What somebody wants to have in a buffer for one step. */
export interface Want {
  /** Names these very bytes, so that whoever else wants them shares the buffer; undefined: nobody else does. */
  readonly name: string | undefined
  /** Whether the bytes are likely to be wanted again, also when nobody else wants them now. */
  readonly lasting: boolean
  /** Puts them there without waiting, if that can be done; how many. */
  readonly readAtHand: (into: Buffer) => number | undefined
  /** Resolves to how many bytes it has put there. Not called when they are there already. */
  readonly read: (into: Buffer) => Promise<number>
  /** Whether nobody wants it any more; asked when its turn has come. */
  readonly gone: () => boolean
  /** Cuts the client off; called at most once, and the loan is still to be given back. */
  readonly cut: () => void
}

/** Bytes that are lent for one step, not to be changed. Give them back exactly once. */
export interface Loan {
  readonly bytes: Buffer
  /** Gives them back; only when this one doesn't read from them any more. */
  done(): void
  /** Forgets them, though somebody may still read from them. */
  lose(): void
}

interface Block {
  readonly name: string | undefined
  readonly buffer: Buffer
  bytes: number
  holders: number
  /** Stays when nobody holds it: more than one have wanted it, or more are likely to. */
  lasting: boolean
  /** Until it is read. */
  reading: Promise<void> | undefined
  /** Somebody may hold the buffer who will never say that he doesn't: it is not used for anything else. */
  lost: boolean
}

interface Holder {
  /** Taken away once it has been called. */
  cut: (() => void) | undefined
  readonly sinceMs: number
}

interface Waiter {
  readonly want: Want
  readonly give: (loan: Loan | undefined | Promise<Loan>) => void
}

/**
 * The buffers between files and sockets. Memory is bounded by their number, not by the number of clients: who finds none
 * waits for its turn, first come, first served, and holds nothing meanwhile. Who wants the same bytes at the same time
 * shares a buffer, and what nobody holds stays for whoever comes next, until its buffer is needed. A client that doesn't take
 * what is sent to it is cut off after a while, but only when others wait for a buffer.
 */
export class Steps {
  readonly #now: () => number
  readonly #most: number
  readonly #named = new Map<string, Block>()
  /** Of the named ones those that nobody holds; that for longest comes first. */
  readonly #idle = new Set<Block>()
  readonly #spare: Buffer[] = []
  readonly #holders = new Set<Holder>()
  readonly #waiting: Waiter[] = []
  #lent = 0
  #timer: NodeJS.Timeout | undefined

  /** @param now Milliseconds of any clock that doesn't jump. */
  constructor(now: () => number, most = mostBuffers) {
    this.#now = now
    this.#most = most
  }

  /** Buffers that are lent now. */
  get lent(): number {
    return this.#lent
  }

  /**
   * Lends what is wanted, at once or when it is this one's turn; undefined when it was gone by then.
   * @throws what reading it threw
   */
  lend(want: Want): Loan | Promise<Loan | undefined> {
    if (this.#lent < this.#most || this.#known(want)) return this.#begin(want)
    this.#timer ??= setInterval(() => this.cutSlow(), 1_000).unref()
    return new Promise((give) => this.#waiting.push({ want, give }))
  }

  #known({ name }: Want): Block | undefined {
    return name === undefined ? undefined : this.#named.get(name)
  }

  #begin(want: Want): Loan | Promise<Loan> {
    const known = this.#known(want)
    if (known) known.lasting = true
    const block = known ?? this.#load(want)
    if (block.holders === 0) {
      this.#idle.delete(block)
      this.#lent += 1
    }
    block.holders += 1
    const holder: Holder = { cut: want.cut, sinceMs: this.#now() }
    this.#holders.add(holder)
    return block.reading ? this.#whenRead(block, holder) : this.#loan(block, holder)
  }

  async #whenRead(block: Block, holder: Holder): Promise<Loan> {
    try {
      await block.reading
    } catch (error) {
      this.#leave(block, holder)
      throw error
    }
    return this.#loan(block, holder)
  }

  #loan(block: Block, holder: Holder): Loan {
    return {
      bytes: block.buffer.subarray(0, block.bytes),
      done: () => this.#leave(block, holder),
      lose: () => {
        block.lost = true
        this.#leave(block, holder)
      },
    }
  }

  #load({ name, lasting, readAtHand, read }: Want): Block {
    const buffer = this.#buffer()
    const block: Block = { name, buffer, bytes: 0, holders: 0, lasting, reading: undefined, lost: false }
    if (name !== undefined) this.#named.set(name, block)
    const atHand = readAtHand(buffer)
    if (atHand !== undefined) {
      block.bytes = atHand
      return block
    }
    block.reading = read(buffer).then(
      (bytes) => {
        block.bytes = bytes
        block.reading = undefined
      },
      (error: unknown) => {
        this.#forget(block)
        throw error
      },
    )
    return block
  }

  #buffer(): Buffer {
    const spare = this.#spare.pop()
    if (spare) return spare
    const [oldest] = this.#lent + this.#idle.size < this.#most ? [] : this.#idle
    if (oldest) {
      this.#idle.delete(oldest)
      this.#forget(oldest)
      if (!oldest.lost) return oldest.buffer
    }
    return Buffer.allocUnsafeSlow(stepBytes)
  }

  /** The one that was used last is the next to be used: it is in the processor's cache. */
  #putBack(block: Block): void {
    this.#forget(block)
    if (!block.lost) this.#spare.push(block.buffer)
  }

  #forget(block: Block): void {
    if (block.name !== undefined && this.#named.get(block.name) === block) this.#named.delete(block.name)
  }

  #leave(block: Block, holder: Holder): void {
    this.#holders.delete(holder)
    block.holders -= 1
    if (block.holders > 0) return
    this.#lent -= 1
    if (block.lasting && block.name !== undefined && this.#named.get(block.name) === block) this.#idle.add(block)
    else this.#putBack(block)
    this.#next()
  }

  /** Those whose turn it is; who wants what is there by now takes no buffer of its own. */
  #next(): void {
    while (this.#lent < this.#most) {
      const waiter = this.#waiting.shift()
      if (!waiter) return
      waiter.give(waiter.want.gone() ? undefined : this.#begin(waiter.want))
    }
  }

  /** Cuts off who has held a buffer for too long while others wait. Holders are in the order in which they came. */
  cutSlow(): void {
    if (this.#waiting.length === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    const most = this.#waiting.length
    for (const holder of [...this.#holders].slice(0, most)) {
      if (this.#now() - holder.sinceMs < patienceMs) return
      holder.cut?.()
      holder.cut = undefined
    }
  }
}
