import { createHash } from 'node:crypto'
import type { DigestAlgorithm } from '../verify/expected.ts'

/** The digests of a body, from its beginning on: its SHA-256, and the one that an index names it by. */
export class Digester {
  readonly #sha256 = createHash('sha256')
  readonly #other
  #position = 0

  constructor(algorithm: DigestAlgorithm | undefined) {
    this.#other = algorithm === undefined || algorithm === 'sha256' ? undefined : createHash(algorithm)
  }

  /** Bytes that it has seen. */
  get position(): number {
    return this.#position
  }

  /** The bytes that follow those it has seen. */
  update(chunk: Buffer): void {
    this.#sha256.update(chunk)
    this.#other?.update(chunk)
    this.#position += chunk.length
  }

  /** Lower-case hexadecimal; can be had once. */
  end(): { sha256: string; asked: string } {
    const sha256 = this.#sha256.digest('hex')
    return { sha256, asked: this.#other?.digest('hex') ?? sha256 }
  }
}
