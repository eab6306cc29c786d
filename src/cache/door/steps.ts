/** Bytes that go to a client in one step: one block of the store, so that no block is read and checked twice. */
export const stepBytes = 256 * 1024

/** Buffers in all; more clients than that take turns. 32 MiB. */
const mostBuffers = 128

/**
 * Milliseconds that a client may take for one step while others wait for a buffer. Long enough for one of thousands on a
 * machine that is busy with the others.
 */
const patienceMs = 20_000

/** A buffer that is lent for one step. Give it back exactly once. */
export interface Step {
  readonly buffer: Buffer
  /** Gives the buffer back; only when nobody reads from it or writes to it any more. */
  done(): void
  /** Forgets the buffer, which somebody may still hold. */
  lose(): void
}

interface Holder {
  /** Taken away once it has been called. */
  cut: (() => void) | undefined
  readonly sinceMs: number
}

interface Waiter {
  readonly cut: () => void
  readonly give: (step: Step) => void
}

/**
 * The buffers between files and sockets. Memory is bounded by their number, not by the number of clients: who finds none
 * waits for its turn, first come, first served, and holds nothing meanwhile. A client that doesn't take what is sent to it
 * is cut off after a while, but only when others wait for its buffer.
 */
export class Steps {
  readonly #now: () => number
  readonly #most: number
  readonly #spare: Buffer[] = []
  readonly #holders = new Set<Holder>()
  readonly #waiting: Waiter[] = []
  #timer: NodeJS.Timeout | undefined

  /** @param now Milliseconds of any clock that doesn't jump. */
  constructor(now: () => number, most = mostBuffers) {
    this.#now = now
    this.#most = most
  }

  /** Buffers that are lent now. */
  get lent(): number {
    return this.#holders.size
  }

  /**
   * Lends a buffer, at once or when it is this one's turn.
   * @param cut Cuts the client off; called at most once, and `lose` or `done` is still to be called.
   */
  take(cut: () => void): Step | Promise<Step> {
    if (this.#holders.size < this.#most) return this.#lend(cut)
    this.#timer ??= setInterval(() => this.cutSlow(), 1_000).unref()
    return new Promise((give) => this.#waiting.push({ cut, give }))
  }

  #lend(cut: () => void): Step {
    const buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(stepBytes)
    const holder: Holder = { cut, sinceMs: this.#now() }
    this.#holders.add(holder)
    const leave = () => {
      this.#holders.delete(holder)
      const next = this.#waiting.shift()
      if (next) next.give(this.#lend(next.cut))
    }
    return {
      buffer,
      done: () => {
        this.#spare.push(buffer)
        leave()
      },
      lose: leave,
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
