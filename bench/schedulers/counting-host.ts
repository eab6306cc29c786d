import type { ExecOptions, ExecResult, Host } from '../../src/base/host.ts'

/** A host that passes commands on and counts them by program. */
export class CountingHost implements Host {
  readonly name: string
  readonly counts = new Map<string, number>()
  readonly #host: Host

  constructor(host: Host) {
    this.name = host.name
    this.#host = host
  }

  /** How often a program was run since the last `reset`. */
  count(program: string): number {
    return this.counts.get(program) ?? 0
  }

  reset(): void {
    this.counts.clear()
  }

  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult> {
    const program = argv.find((argument) => argument !== 'env' && !argument.includes('=')) ?? ''
    this.counts.set(program, this.count(program) + 1)
    return this.#host.exec(argv, options)
  }

  close(): Promise<void> {
    return this.#host.close()
  }
}
