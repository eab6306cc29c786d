import { createHash } from 'node:crypto'
import { CausewayError, type ErrorCode } from '../base/errors.ts'
import { execChecked } from '../base/exec.ts'
import type { ExecResult, Host } from '../base/host.ts'
import { readPackageFile } from '../base/package-file.ts'

/** What the script's exit statuses mean; any other is `CommandFailed`. A bridge that is missing may come yet. */
const failures: Readonly<Record<number, { code: ErrorCode; retryable?: boolean }>> = {
  64: { code: 'InvalidRequest' },
  66: { code: 'ImageMissing' },
  69: { code: 'CommandFailed', retryable: true },
  73: { code: 'InsufficientCapacity' },
  75: { code: 'CommandTimeout' },
}

/** Moves stdin to its place in one step, so that no caller ever runs half a script. */
const install = 'set -eu; mkdir -p "${1%/*}"; cat >"$1.$$"; chmod 700 "$1.$$"; mv "$1.$$" "$1"'

/**
 * Calls `scripts/site/causeway-machine` on a host. The script is put there before its first use, under a name that has
 * its digest: a controller never runs another version's script, and two versions do not get in each other's way.
 */
export class MachineHelper {
  readonly #host: Host
  readonly #folder: string
  #installed: Promise<string> | null = null

  /** `folder`: where on the host the script is kept. */
  constructor(host: Host, folder: string) {
    this.#host = host
    this.#folder = folder
  }

  /**
   * Runs the script and returns what it printed.
   * @throws CausewayError by the script's exit status, or as `Host.exec`.
   */
  async call(argv: readonly string[], stdin = ''): Promise<string> {
    let result = await this.#run(argv, stdin)
    if (result.code === 127 || result.code === 126) {
      // Someone cleaned up, or the host was set up anew, since the script was put there.
      this.#installed = null
      result = await this.#run(argv, stdin)
    }
    if (result.code === 0) return result.stdout
    const { code, retryable } = failures[result.code] ?? { code: 'CommandFailed' as const }
    throw new CausewayError(code, `${this.#host.name}: ${result.stderr.trim().slice(-2000)}`, {
      facts: { host: this.#host.name, call: argv, status: result.code },
      ...(retryable === undefined ? {} : { retryable }),
    })
  }

  async #run(argv: readonly string[], stdin: string): Promise<ExecResult> {
    this.#installed ??= this.#install()
    let path: string
    try {
      path = await this.#installed
    } catch (error) {
      this.#installed = null
      throw error
    }
    return await this.#host.exec([path, ...argv], { stdin })
  }

  async #install(): Promise<string> {
    const script = await readPackageFile('scripts/site/causeway-machine')
    const digest = createHash('sha256').update(script).digest('hex').slice(0, 16)
    const path = `${this.#folder}/causeway-machine-${digest}`
    await execChecked(this.#host, ['sh', '-c', install, 'install', path], { stdin: script })
    return path
  }
}
