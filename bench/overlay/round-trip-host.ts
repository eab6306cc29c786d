import type { ExecOptions, ExecResult, Host } from '../../src/base/host.ts'

/** A host that passes commands on and counts them by program. */
export class RoundTripHost implements Host {
  readonly name: string
  readonly #host: Host
  #running = 0
  /** Since the last `reset`. */
  commands = 0
  /** The same by program. */
  readonly programs = new Map<string, number>()
  /** Times that a command was given while none was under way: so often an answer had to be waited for, at least. */
  trips = 0

  constructor(host: Host) {
    this.name = host.name
    this.#host = host
  }

  reset(): void {
    this.commands = 0
    this.programs.clear()
    this.trips = 0
  }

  async exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult> {
    const program = argv[0] ?? ''
    this.programs.set(program, (this.programs.get(program) ?? 0) + 1)
    this.commands += 1
    if (this.#running === 0) this.trips += 1
    this.#running += 1
    try {
      return await this.#host.exec(argv, options)
    } finally {
      this.#running -= 1
    }
  }

  close(): Promise<void> {
    return this.#host.close()
  }
}
