import { CausewayError } from '../../src/base/errors.ts'
import type { ExecOptions, ExecResult, Host } from '../../src/base/host.ts'

/** A host to which the connection can be cut. */
export class CuttableHost implements Host {
  readonly #host: Host
  #isCut = false

  constructor(host: Host) {
    this.#host = host
  }

  get name(): string {
    return this.#host.name
  }

  /** From now on nobody gets through, or does again. */
  cut(isCut: boolean): void {
    this.#isCut = isCut
  }

  async exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult> {
    if (this.#isCut) throw new CausewayError('HostUnreachable', `${this.name}: the connection is cut`)
    return await this.#host.exec(argv, options)
  }

  close(): Promise<void> {
    return this.#host.close()
  }
}
