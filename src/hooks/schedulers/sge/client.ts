import { CausewayError } from '../../../base/errors.ts'
import { type Complexes, parseComplexes } from './complexes.ts'
import { type Details, parseDetails } from './details.ts'
import { names } from './names.ts'
import { type SgeOptions, sgeEnvironment } from './options.ts'
import { parseQstat, type Qstat } from './qstat.ts'
import { malformed } from './xml.ts'

/** Grid Engine's commands answer in milliseconds; a busy qmaster may take long for a large queue. */
const commandTimeoutMs = 60_000

/** Most bytes of an answer that is looked at: ten times what 15,000 jobs and 5,000 nodes take. */
const mostBytes = 60 * 2 ** 20

/** Jobs in one `qstat -j`: about 5 KB each. */
const jobsAtOnce = 2000

/**
 * Grid Engine's command line tools. Rejections are `SchedulerUnreachable` when sge_qmaster or the host is away,
 * `MalformedOutput`, `InvalidConfig` where the head doesn't know a host's name, or `CommandFailed` when sge_qmaster refuses.
 */
export class SgeClient {
  readonly #options: SgeOptions
  readonly #environment: readonly string[]

  constructor(options: SgeOptions) {
    this.#options = options
    this.#environment = sgeEnvironment(options)
  }

  /** All queue instances and jobs that have not ended, by one command. */
  async queue(): Promise<Qstat> {
    const values = [names.site, names.type, names.features, names.drainReason].join(',')
    return parseQstat(await this.run(['qstat', '-xml', '-f', '-r', '-F', values, '-u', '*', '-s', 'prs']))
  }

  /** What only `qstat -j` says of these jobs, as far as they are there. */
  async details(jobs: readonly number[]): Promise<Map<number, Details>> {
    const found = new Map<number, Details>()
    for (let at = 0; at < jobs.length; at += jobsAtOnce) {
      const some = jobs.slice(at, at + jobsAtOnce).join(',')
      for (const [number, details] of parseDetails(await this.run(['qstat', '-xml', '-j', some])))
        found.set(number, details)
    }
    return found
  }

  async complexes(): Promise<Complexes> {
    return parseComplexes(await this.run(['qconf', '-sc']))
  }

  /** The lines of a list (`-sql`, `-spl`, `-shgrpl`, `-sel`); none where Grid Engine says that nothing is defined. */
  async list(flag: string): Promise<string[]> {
    const { code, stdout, stderr } = await this.#exec(['qconf', flag])
    if (code === 0) return stdout.split('\n').filter(Boolean)
    if (/no .* (?:defined|list)/i.test(stdout + stderr)) return []
    throw this.#refusal(['qconf', flag], code, stdout, stderr)
  }

  /** An object's attributes as `qconf` shows it (`-sq all.q`, `-sp mpi`), with continued lines joined. */
  async show(flag: string, name?: string): Promise<Map<string, string>> {
    const text = await this.run(['qconf', flag, ...(name === undefined ? [] : [name])])
    const attributes = new Map<string, string>()
    for (const line of text.replaceAll(/\\\n\s*/g, '').split('\n')) {
      const match = /^(\S+)\s+(.*)$/.exec(line)
      if (match) attributes.set(match[1] ?? '', (match[2] ?? '').trim())
    }
    if (attributes.size === 0) throw malformed(`qconf ${flag}`, 'shows nothing')
    return attributes
  }

  /** Hands a description to `qconf FLAG FILE`, which reads nothing but files. */
  async define(flag: string, content: string): Promise<void> {
    const folder = (await this.run(['mktemp', '-d', '/tmp/causeway-sge.XXXXXXXX'])).trim()
    try {
      await this.run(['tee', `${folder}/object`], content)
      await this.run(['qconf', flag, `${folder}/object`])
    } finally {
      await this.run(['rm', '-rf', '--', folder])
    }
  }

  /** Runs a command that must succeed and resolves to what it printed. */
  async run(argv: readonly string[], stdin?: string): Promise<string> {
    const { code, stdout, stderr } = await this.#exec(argv, stdin)
    if (code !== 0) throw this.#refusal(argv, code, stdout, stderr)
    return stdout
  }

  /**
   * Runs a command for several objects at once, of which some may not be there any more: what it has to say about those is
   * part of what it printed.
   */
  async attempt(argv: readonly string[]): Promise<{ code: number; said: string }> {
    const { code, stdout, stderr } = await this.#exec(argv)
    return { code, said: `${stdout}\n${stderr}` }
  }

  async #exec(argv: readonly string[], stdin?: string) {
    const facts = { argv: argv.slice(0, 6) }
    const result = await this.#options.host
      .exec(['env', ...this.#environment, ...argv], {
        timeoutMs: commandTimeoutMs,
        ...(stdin === undefined ? {} : { stdin }),
      })
      .catch((cause: unknown) => {
        throw isUnanswered(cause)
          ? new CausewayError('SchedulerUnreachable', `${argv[0]}: ${cause.message}`, { cause, facts })
          : cause
      })
    if (result.stdout.length > mostBytes) throw malformed(`${argv[0]}`, `printed ${result.stdout.length} characters`)
    if (saysAway(result.stderr) || (result.code !== 0 && saysAway(result.stdout))) {
      throw new CausewayError('SchedulerUnreachable', `${argv[0]}: ${lastOf(result.stderr || result.stdout)}`, {
        facts,
      })
    }
    return result
  }

  #refusal(argv: readonly string[], code: number, stdout: string, stderr: string): CausewayError {
    const words = argv.slice(0, 5).join(' ').slice(0, 200)
    const said = lastOf(stderr.trim() || stdout.trim())
    if (said.includes("can't resolve hostname")) {
      const way = 'the head must know the names and addresses that `causeway hosts` prints'
      return new CausewayError('InvalidConfig', `${words}: ${said}: ${way}`, {
        facts: { argv: argv.slice(0, 6), code },
      })
    }
    return new CausewayError('CommandFailed', `${words} ended with status ${code}: ${said}`, {
      facts: { argv: argv.slice(0, 6), code },
    })
  }
}

/** How Grid Engine's commands say that sge_qmaster does not answer. */
function saysAway(said: string): boolean {
  return /commlib error|unable to (?:send message to|contact) qmaster|qmaster is not running|got (?:select|send|read|receive) error/i.test(
    said,
  )
}

function lastOf(said: string): string {
  return said.trim().slice(-1000)
}

/** The host is away or the command hangs: nothing is known of the queue either. */
function isUnanswered(thrown: unknown): thrown is CausewayError {
  return thrown instanceof CausewayError && (thrown.code === 'HostUnreachable' || thrown.code === 'CommandTimeout')
}
