import { readFile } from 'node:fs/promises'
import type { Clock } from '../../../base/clock.ts'
import { CausewayError } from '../../../base/errors.ts'
import { execChecked } from '../../../base/exec.ts'
import type { Host } from '../../../base/host.ts'

/** How long a token that we ask for is good, seconds. */
const lifespanS = 1800

/** How long before its end a token is no longer used, ms. */
const reserveMs = 300_000

/** Where the JWT comes from that slurmrestd passes on to slurmctld. It is a secret: never in argv, logs or errors. */
export interface TokenSource {
  /** A token that is good for some minutes. */
  token(): Promise<string>
  /** What it gave last may not be good any more. */
  forget(): void
}

/** A file with the token, which its owner keeps fresh: read anew each time. `SLURM_JWT=` before it, as scontrol prints it, may stay. */
export function tokenFromFile(path: string): TokenSource {
  return {
    async token() {
      const text = await readFile(path, 'utf8').catch((cause: Error) => {
        throw new CausewayError('InvalidConfig', `scheduler.rest.tokenFile: ${path} can't be read: ${cause.message}`, {
          cause,
        })
      })
      return checked(text, `the file ${path}`)
    },
    forget() {},
  }
}

/** Tokens that slurmctld gives to its administrators, kept in memory and renewed in time. */
export class TokenFromSlurm implements TokenSource {
  readonly #host: Host
  readonly #argv: readonly string[]
  readonly #clock: Clock
  #current: Promise<string> | null = null
  #goodUntilMs = 0

  /** @param user whose token it is to be */
  constructor(options: { readonly host: Host; readonly conf: string; readonly clock: Clock }, user: string) {
    this.#host = options.host
    this.#clock = options.clock
    const ask = ['scontrol', 'token', `username=${user}`, `lifespan=${lifespanS}`]
    this.#argv = ['env', `SLURM_CONF=${options.conf}`, ...ask]
  }

  token(): Promise<string> {
    const now = this.#clock.now()
    if (this.#current && now < this.#goodUntilMs) return this.#current
    this.#goodUntilMs = now + lifespanS * 1000 - reserveMs
    const asked = this.#ask()
    this.#current = asked
    asked.catch(() => {
      if (this.#current === asked) this.#current = null
    })
    return asked
  }

  forget(): void {
    this.#current = null
  }

  async #ask(): Promise<string> {
    const said = await execChecked(this.#host, this.#argv).catch((cause: CausewayError) => {
      const way = 'is AuthAltTypes=auth/jwt set in slurm.conf?'
      throw new CausewayError('SchedulerUnreachable', `Slurm gave no token (${way}): ${cause.message}`, { cause })
    })
    return checked(said, 'scontrol token')
  }
}

/** Three parts of base64url: what could not be a token would otherwise end up in a header. */
function checked(text: string, where: string): string {
  const token = text.trim().replace(/^SLURM_JWT=/, '')
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return token
  throw new CausewayError('MalformedOutput', `${where} has no JWT`)
}
