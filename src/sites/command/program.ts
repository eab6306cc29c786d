import { type Static, type TSchema, Type } from 'typebox'
import { Check } from 'typebox/value'
import { CausewayError } from '../../base/errors.ts'
import type { ExecResult, Host } from '../../base/host.ts'
import { readAnswer } from './answers.ts'
import { answerLimitBytes, statusMeanings, type Verb } from './protocol.ts'

/** All that a driver program finds in its environment. */
const environment = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C.UTF-8']

/** Seconds between the signal to end (SIGTERM) and the one that kills. */
const graceSeconds = 5

const ErrorAnswer = Type.Object({
  error: Type.Object({ message: Type.String(), retryAfterMs: Type.Optional(Type.Number({ minimum: 0 })) }),
})

/** Where and how a driver program runs. */
export interface DriverProgramOptions {
  /** The host on which it runs. */
  readonly host: Host
  /** The program and its own arguments; the verb comes behind them. */
  readonly program: readonly string[]
  /** Milliseconds until a call is given up. */
  readonly timeoutMs: number
}

/**
 * A driver program on a host: an argument vector, one JSON document in and one out. When it takes too long, it and what is
 * left of its process group are ended, first with SIGTERM.
 */
export class DriverProgram {
  readonly #options: DriverProgramOptions

  constructor(options: DriverProgramOptions) {
    this.#options = options
  }

  /** The program and what it is asked, for messages. */
  describe(verb: string): string {
    return `${this.#options.host.name}: ${this.#options.program[0]} ${verb}`
  }

  /**
   * Runs the program with any text on its standard input, and returns how it ended.
   * @param killAfterMs for tests of programs: it is killed at this time, as a crash would
   * @throws CausewayError as `Host.exec`
   */
  async run(verb: string, stdin: string, killAfterMs?: number): Promise<ExecResult> {
    const { host, program, timeoutMs } = this.#options
    const [end, withinMs] =
      killAfterMs === undefined ? [['-k', `${graceSeconds}`], timeoutMs] : [['-s', 'KILL'], killAfterMs]
    const argv = ['timeout', ...end, String(withinMs / 1000), 'env', '-i', ...environment, ...program, verb]
    try {
      return await host.exec(argv, { stdin, timeoutMs: timeoutMs + (graceSeconds + 2) * 1000 })
    } catch (error) {
      if (!(error instanceof CausewayError && error.code === 'CommandTimeout')) throw error
      const hint = 'did not end in time, or it left a process behind that holds its standard output or error open'
      throw new CausewayError('CommandTimeout', `${this.describe(verb)} ${hint}`, { cause: error })
    }
  }

  /**
   * Asks the program and reads its answer.
   * @throws CausewayError by the exit status; `MalformedOutput` for an answer of another form; else as `Host.exec`
   */
  async ask<T extends TSchema>(verb: Verb, question: object, answer: T): Promise<Static<T>> {
    const result = await this.run(verb, JSON.stringify(question))
    if (result.code !== 0) throw this.#failure(verb, result)
    if (Buffer.byteLength(result.stdout) > answerLimitBytes) {
      const message = `${this.describe(verb)} printed more than ${answerLimitBytes} bytes`
      throw new CausewayError('MalformedOutput', message)
    }
    return readAnswer(this.describe(verb), answer, result.stdout)
  }

  /** What an exit status other than 0 means, with the program's own words. */
  #failure(verb: string, { code: status, stdout, stderr }: ExecResult): CausewayError {
    const who = this.describe(verb)
    const facts = { program: this.#options.program[0], verb, status }
    if (status === 126 || status === 127) {
      const hint = 'there is no such program, or it cannot be run; see `program` of the driver'
      return new CausewayError('CommandFailed', `${who}: ${hint}: ${stderr.trim().slice(-500)}`, { facts })
    }
    const { message, retryAfterMs } = readError(stdout)
    const silent = status === 124 ? `it was ended after ${this.#options.timeoutMs} ms` : 'it does not say why'
    const said = message ?? (stderr.trim().slice(-2000) || silent)
    const code = statusMeanings.find((meaning) => meaning.status === status)?.code ?? 'CommandFailed'
    return new CausewayError(code, `${who} ended with status ${status}: ${said}`, {
      facts: { ...facts, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    })
  }
}

/** The error document on standard output; nothing of it where there is none. */
function readError(stdout: string): { message?: string; retryAfterMs?: number } {
  let value: unknown
  try {
    value = JSON.parse(stdout)
  } catch {
    // It need not write one: standard error will do.
    return {}
  }
  if (!Check(ErrorAnswer, value)) return {}
  return { ...value.error, message: value.error.message.slice(0, 2000) }
}
