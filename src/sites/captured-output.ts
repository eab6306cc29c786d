/** Bytes of output, stdout and stderr together, after which a command is given up (`MalformedOutput`). */
export const outputLimitBytes = 64 * 1024 * 1024

/** Collects what a command prints, up to `limitBytes` in all. */
export class CapturedOutput {
  readonly #limitBytes: number
  readonly #chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] }
  #bytes = 0

  constructor(limitBytes: number = outputLimitBytes) {
    this.#limitBytes = limitBytes
  }

  /** Keeps a chunk; false once there is more than the limit, and then nothing more is kept. */
  add(stream: 'stdout' | 'stderr', chunk: Buffer): boolean {
    this.#bytes += chunk.length
    if (this.#bytes > this.#limitBytes) return false
    this.#chunks[stream].push(chunk)
    return true
  }

  /** All of a stream as text; bytes that are not UTF-8 become U+FFFD. */
  text(stream: 'stdout' | 'stderr'): string {
    return Buffer.concat(this.#chunks[stream]).toString('utf8')
  }
}
