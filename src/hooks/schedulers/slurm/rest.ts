import { Agent, request } from 'undici'
import { CausewayError } from '../../../base/errors.ts'
import type { TokenSource } from './token.ts'

/** The version that Slurm 22.05 and some later ones speak. Its lists are those of `squeue --json` and `sinfo --json` of 22.05. */
const version = 'v0.0.38'

/** As long as Slurm's own commands are given. */
const timeoutMs = 30_000

/** More than any queue has; it bounds memory only. */
const defaultLimitBytes = 512 * 1024 * 1024

/** What slurmrestd is reached with. */
export interface RestOptions {
  /** `http://HOST:PORT`, `https://HOST:PORT`, or `unix:/PATH` for its socket. */
  readonly url: string
  /** Whose token it is. */
  readonly user: string
  readonly tokens: TokenSource
  /** Longest answer, bytes. */
  readonly limitBytes?: number
}

/**
 * Reads Slurm's lists from slurmrestd, which answers faster than a command can start and has no limit of 64 MiB.
 *
 * Rejections: `SchedulerUnreachable` when it or slurmctld does not answer; `Unauthorized` when it wants another token;
 * `InvalidConfig` when it speaks no version that we read; `MalformedOutput` for an answer that is cut or too long. With a token that
 * slurmctld refuses, slurmrestd 22.05 says the same as with slurmctld away.
 */
export class SlurmRest {
  readonly #options: RestOptions
  readonly #origin: string
  readonly #agent: Agent

  constructor(options: RestOptions) {
    this.#options = options
    const socketPath = /^unix:(.*)$/.exec(options.url)?.[1]
    this.#origin = socketPath === undefined ? options.url : 'http://localhost'
    this.#agent = new Agent({
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: { timeout: timeoutMs, ...(socketPath === undefined ? {} : { socketPath }) },
    })
  }

  /** The document with the list under the key of that name. */
  async read(list: 'jobs' | 'nodes'): Promise<string> {
    const { url, user, tokens } = this.#options
    const path = `/slurm/${version}/${list}`
    const token = await tokens.token()
    const headers = { 'x-slurm-user-name': user, 'x-slurm-user-token': token }
    const answer = await request(`${this.#origin}${path}`, { dispatcher: this.#agent, headers }).catch(
      (cause: Error) => {
        throw new CausewayError('SchedulerUnreachable', `slurmrestd at ${url}: ${cause.message}`, { cause })
      },
    )
    const text = await this.#textOf(answer.body)
    switch (answer.statusCode) {
      case 200:
        return text
      case 401:
      case 403:
        tokens.forget()
        throw new CausewayError('Unauthorized', `slurmrestd at ${url} does not let ${user} in: ${beginning(text)}`)
      case 404:
        throw new CausewayError(
          'InvalidConfig',
          `slurmrestd at ${url} has no ${path}: start it with openapi/${version}`,
        )
      default:
        tokens.forget()
        throw new CausewayError(
          'SchedulerUnreachable',
          `slurmrestd at ${url} answered ${answer.statusCode}: slurmctld is away, or takes no token of ${user}: ${beginning(text)}`,
        )
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #textOf(body: AsyncIterable<Buffer>): Promise<string> {
    const { url, limitBytes = defaultLimitBytes } = this.#options
    const parts: Buffer[] = []
    let bytes = 0
    try {
      for await (const part of body) {
        bytes += part.length
        if (bytes > limitBytes) {
          throw new CausewayError('MalformedOutput', `slurmrestd at ${url} answered more than ${limitBytes} bytes`)
        }
        parts.push(part)
      }
    } catch (cause) {
      if (cause instanceof CausewayError) throw cause
      const what = (cause as Error).message
      throw new CausewayError('MalformedOutput', `the answer of slurmrestd at ${url} is cut: ${what}`, { cause })
    }
    return Buffer.concat(parts).toString('utf8')
  }
}

function beginning(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, 200)
}
