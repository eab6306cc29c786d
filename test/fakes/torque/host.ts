import type { Clock } from '../../../src/base/clock.ts'
import type { ExecOptions, ExecResult, Host } from '../../../src/base/host.ts'
import type { FakeTorque } from './cluster.ts'
import { runCommand } from './commands.ts'

/** The head as a host whose Torque commands are the fake's, without any process. */
export class FakeTorqueHost implements Host {
  readonly name = 'head'
  readonly commands: string[][] = []
  /** Called with each command first; what it throws, the call rejects with. */
  interfere: (argv: readonly string[]) => void = () => undefined
  /** Changes what a command prints. */
  distort: (name: string, stdout: string) => string = (_, stdout) => stdout
  readonly #torque: FakeTorque

  constructor(torque: FakeTorque) {
    this.#torque = torque
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const bare = [argv[0]?.split('/').at(-1) ?? '', ...argv.slice(1)]
    this.commands.push(bare)
    this.interfere(bare)
    const result = runCommand(this.#torque, bare, String(options.stdin ?? ''))
    return { ...result, stdout: this.distort(bare[0] ?? '', result.stdout) }
  }

  async close(): Promise<void> {}
}

/** The fake's own clock: who sleeps lets it pass. */
export function clockOf(torque: FakeTorque): Clock {
  return {
    now: () => torque.nowMs,
    async sleep(ms) {
      torque.tick(ms)
    },
  }
}
