/** Bytes that a block costs besides its own: it keeps its body in memory, and with that the fill. Measured: 10.6 kB for a small one. */
const besidesBytes = 16 * 1024

/**
 * Blocks of bodies on their way that are on disk already and still in memory, for those who follow closely: the latest of
 * all fills, within one limit. The one that came first goes first.
 */
export class RecentBlocks {
  readonly #limit: number
  #bytes = 0
  readonly #blocks: { readonly bytes: number; readonly drop: () => void }[] = []

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** @param drop Called when its turn to go has come. */
  keep(blockBytes: number, drop: () => void): void {
    const bytes = blockBytes + besidesBytes
    this.#blocks.push({ bytes, drop })
    this.#bytes += bytes
    while (this.#bytes > this.#limit) {
      const oldest = this.#blocks.shift()
      if (!oldest) break
      this.#bytes -= oldest.bytes
      oldest.drop()
    }
  }
}
