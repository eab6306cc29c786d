import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { CausewayError, type ErrorCode, type Facts } from './errors.ts'
import { execChecked } from './exec.ts'
import type { ExecOptions, ExecResult, Host } from './host.ts'
import { readPackageFile } from './package-file.ts'

/** What the exit statuses of all our scripts mean (those of sysexits.h, where it has one); any other is `CommandFailed`. */
const failures: Readonly<Record<number, { code: ErrorCode; retryable?: boolean }>> = {
  64: { code: 'InvalidRequest' },
  66: { code: 'ImageMissing' },
  68: { code: 'HostUnreachable' },
  69: { code: 'CommandFailed', retryable: true },
  73: { code: 'InsufficientCapacity' },
  75: { code: 'CommandTimeout' },
}

/** The error that a status other than 0 stands for, of a script as a whole or of one of the things that it worked on. */
export function scriptError(status: number, message: string, facts: Facts): CausewayError {
  const { code, retryable } = failures[status] ?? { code: 'CommandFailed' as const }
  return new CausewayError(code, message, {
    facts: { ...facts, status },
    ...(retryable === undefined ? {} : { retryable }),
  })
}

/** Moves stdin to its place in one step, so that no caller ever runs half a script. */
const install = 'set -eu; mkdir -p "${1%/*}"; cat >"$1.$$"; chmod 700 "$1.$$"; mv "$1.$$" "$1"'

/**
 * Calls one of our scripts on a host. It is put there before its first use, under a name that has its digest: a controller
 * never runs another version's script, and two versions do not get in each other's way.
 */
export class HostScript {
  readonly #host: Host
  readonly #file: string
  readonly #folder: string
  #installed: Promise<string> | null = null

  /**
   * @param file the script in this package, such as `scripts/site/causeway-machine`
   * @param folder where on the host it is kept
   */
  constructor(host: Host, file: string, folder = '/var/lib/causeway/bin') {
    this.#host = host
    this.#file = file
    this.#folder = folder
  }

  /**
   * Runs the script and returns what it printed.
   * @param timeoutMs as in `ExecOptions`
   * @throws CausewayError by the script's exit status, or as `Host.exec`.
   */
  async call(argv: readonly string[], stdin: string | Uint8Array = '', timeoutMs?: number): Promise<string> {
    const options = { stdin, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
    let result = await this.#run(argv, options)
    if (result.code === 127 || result.code === 126) {
      // Someone cleaned up, or the host was set up anew, since the script was put there.
      this.#installed = null
      result = await this.#run(argv, options)
    }
    if (result.code === 0) return result.stdout
    throw scriptError(result.code, `${this.#host.name}: ${result.stderr.trim().slice(-2000)}`, {
      host: this.#host.name,
      call: argv,
    })
  }

  async #run(argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
    this.#installed ??= this.#install()
    let path: string
    try {
      path = await this.#installed
    } catch (error) {
      this.#installed = null
      throw error
    }
    return await this.#host.exec([path, ...argv], options)
  }

  async #install(): Promise<string> {
    const script = await readPackageFile(this.#file)
    const digest = createHash('sha256').update(script).digest('hex').slice(0, 16)
    const path = `${this.#folder}/${basename(this.#file)}-${digest}`
    await execChecked(this.#host, ['sh', '-c', install, 'install', path], { stdin: script })
    return path
  }
}
