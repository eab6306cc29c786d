import type { Clock } from '../../../base/clock.ts'
import { CausewayError } from '../../../base/errors.ts'
import type { ExecResult, Host } from '../../../base/host.ts'
import type { Registration } from '../../../elastic/scheduler.ts'
import { JoinedRead } from '../joined-read.ts'
import { parsePbsnodes, type TorqueNode } from './pbsnodes.ts'
import { parseQstat, type TorqueJob } from './qstat.ts'
import { malformed } from './xml.ts'

/** `qrerun -f` waits for a dead node's daemon as long as the server's tcp_timeout (300 s in some versions) before it gives up. */
const commandTimeoutMs = 60_000

/** Longest wait for jobs to go back to the queue, ms. */
const settleTimeoutMs = 60_000

const settlePollMs = 250

/** What Torque is reached with. */
export interface TorqueOptions {
  /** Where Torque's commands run, as one of its managers (root on the server's host is one). */
  readonly host: Host
  /** Where Torque is installed: its commands are in `PREFIX/bin`. */
  readonly prefix: string
  /** The name of the node that stands for all that are not there; it must resolve on the server's host. */
  readonly placeholder: string
  readonly clock: Clock
  /** All nodes that there may be, the same list as long as they are the same: jobs may ask for what these have before there is one. */
  readonly possible?: () => readonly Registration[]
}

/**
 * Torque's command line tools. Rejections are `SchedulerUnreachable` when pbs_server, trqauthd or the host is away,
 * `MalformedOutput`, or `CommandFailed` when pbs_server refuses.
 */
export class TorqueClient {
  readonly placeholder: string
  readonly clock: Clock
  readonly #host: Host
  readonly #prefix: string
  readonly #jobs = new JoinedRead(async () => parseQstat(await this.#qstat(), this.clock.now()))
  readonly #nodes = new JoinedRead(() => this.#pbsnodes())

  constructor(options: TorqueOptions) {
    this.#host = options.host
    this.#prefix = options.prefix
    this.placeholder = options.placeholder
    this.clock = options.clock
  }

  jobs(): Promise<readonly TorqueJob[]> {
    return this.#jobs.read()
  }

  /** All nodes, the placeholder among them. */
  nodes(): Promise<readonly TorqueNode[]> {
    return this.#nodes.read()
  }

  async #pbsnodes(): Promise<readonly TorqueNode[]> {
    const argv = ['pbsnodes', '-x']
    const result = await this.#exec(argv)
    // What pbsnodes calls an error is an answer: there are none.
    if (result.code !== 0 && /Server has no node list|node list is empty/i.test(result.stderr)) return []
    return parsePbsnodes(this.#accept(argv, result), this.clock.now())
  }

  /** What `qmgr -c 'print server'` says: the server's and the queues' settings as qmgr commands. */
  async settings(): Promise<string> {
    return this.run(['qmgr', '-c', 'print server'])
  }

  /** Has qmgr carry out lines in order; it goes on after one that fails, and what it said of those is returned. */
  async qmgr(lines: readonly string[]): Promise<string> {
    if (lines.length === 0) return ''
    const result = await this.#exec(['qmgr'], `${lines.join('\n')}\n`)
    this.#rejectIfAway('qmgr', result)
    const said = result.stderr.trim()
    return result.code === 0 && !/^qmgr( obj=|: )/m.test(said) ? '' : said || `ended with status ${result.code}`
  }

  /** Runs a command about some names, of which some may be gone by now: that is no failure if `isDone` says so. */
  async tell(argv: readonly string[], names: readonly string[], isDone: () => Promise<boolean>): Promise<void> {
    for (let at = 0; at < names.length; at += namesAtATime) {
      const whole = [...argv, ...names.slice(at, at + namesAtATime)]
      try {
        await this.run(whole)
      } catch (error) {
        const refused = error instanceof CausewayError && error.code === 'CommandFailed'
        if (!refused || !(await isDone())) throw error
      }
    }
  }

  async run(argv: readonly string[]): Promise<string> {
    return this.#accept(argv, await this.#exec(argv))
  }

  /**
   * Polls until `probe` gives something and resolves to that.
   * @throws CausewayError `CommandTimeout` after a minute
   */
  async until<T>(what: string, probe: () => Promise<T | null>, timeoutMs = settleTimeoutMs): Promise<T> {
    const deadline = this.clock.now() + timeoutMs
    for (;;) {
      const found = await probe()
      if (found !== null) return found
      if (this.clock.now() >= deadline) {
        throw new CausewayError('CommandTimeout', `pbs_server did not let ${what} within ${timeoutMs / 1000} s`)
      }
      await this.clock.sleep(settlePollMs)
    }
  }

  /**
   * `qstat -x -t` of an empty queue prints nothing, as it would if something came between: an empty answer is believed only when
   * the server says that it has no jobs.
   */
  async #qstat(): Promise<string> {
    for (let attempt = 0; attempt < 2; attempt++) {
      const text = await this.run(['qstat', '-x', '-t'])
      if (text.trim() !== '') return text
      const server = await this.run(['qstat', '-B', '-f'])
      const total = /^\s+total_jobs = (\d+)$/m.exec(server)?.[1]
      if (total === undefined) throw malformed('qstat -B -f', 'has no total_jobs')
      // A job may have been submitted in between: once more.
      if (Number(total) === 0) return '<Data></Data>'
    }
    throw malformed('qstat -x', 'is empty although there are jobs')
  }

  #accept(argv: readonly string[], result: ExecResult): string {
    // pbsnodes ends with status 0 also where the server has refused to mark a node.
    const refused = argv[0] === 'pbsnodes' && /^pbsnodes: (?!Warning)/m.test(result.stderr)
    if (result.code === 0 && !refused) return result.stdout
    const name = argv[0] ?? ''
    this.#rejectIfAway(name, result)
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-1000)
    const facts = { argv: argv.slice(0, 8), code: result.code }
    throw new CausewayError(
      'CommandFailed',
      `${argv.slice(0, 5).join(' ')} ended with status ${result.code}: ${said}`,
      { facts },
    )
  }

  #rejectIfAway(name: string, result: ExecResult): void {
    const said = result.stderr.trim().slice(-1000)
    if (result.code !== 0 && saysAway(said)) throw new CausewayError('SchedulerUnreachable', `${name}: ${said}`)
  }

  async #exec(argv: readonly string[], stdin?: string): Promise<ExecResult> {
    const [name = '', ...args] = argv
    const options = { timeoutMs: commandTimeoutMs, ...(stdin === undefined ? {} : { stdin }) }
    return this.#host.exec([`${this.#prefix}/bin/${name}`, ...args], options).catch((cause: unknown) => {
      throw isUnanswered(cause)
        ? new CausewayError('SchedulerUnreachable', `${name}: ${cause.message}`, { cause })
        : cause
    })
  }
}

/** Fits into one command, and does not hold pbs_server up for long. */
const namesAtATime = 500

/** How Torque's commands say that pbs_server or trqauthd does not answer. */
function saysAway(said: string): boolean {
  return /cannot connect to|can not connect|unable to communicate|connection refused|communication failure|timed? ?out|trqauthd|no connection|end of file/i.test(
    said,
  )
}

/** The host is away or the command hangs: nothing is known of the queue either. */
function isUnanswered(thrown: unknown): thrown is CausewayError {
  return thrown instanceof CausewayError && (thrown.code === 'HostUnreachable' || thrown.code === 'CommandTimeout')
}
