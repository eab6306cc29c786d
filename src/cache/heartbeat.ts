import { spawn } from 'node:child_process'
import type { Clock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'

/** Which element of which set says that the cache lives. */
export interface Pulse {
  /** Of nftables: for IPv4 or for IPv6. */
  readonly family: 'ip' | 'ip6'
  /** A table of that family. */
  readonly table: string
  /** A set of type inet_service with flag timeout. */
  readonly set: string
  readonly port: number
  /** Milliseconds that the element stays without being refreshed. */
  readonly hold: number
}

export interface HeartbeatDeps {
  /** Whether the cache serves, found out through its own front door. */
  readonly serves: () => Promise<boolean>
  /** Runs a script of nftables commands as one transaction. */
  readonly nft: (script: string) => Promise<void>
  readonly clock: Clock
  readonly log: Logger
}

/**
 * The dead-man switch: the gateway redirects to the cache only while the element is in the set, and the kernel takes it
 * out by itself when nobody refreshes it. So a cache that is dead, stuck or cut off is gone round after `hold`.
 */
export class Heartbeat {
  readonly #pulse: Pulse
  readonly #deps: HeartbeatDeps
  readonly #stopping = new AbortController()
  readonly #done: Promise<void>
  /** What the log has been told: undefined before the first beat. */
  #beating: boolean | undefined

  constructor(pulse: Pulse, deps: HeartbeatDeps) {
    this.#pulse = pulse
    this.#deps = deps
    this.#done = this.#run()
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps
    while (!this.#stopping.signal.aborted) {
      const startMs = clock.now()
      await this.#beat()
      await clock.sleep(untilNext(this.#pulse.hold, clock.now() - startMs), this.#stopping.signal)
    }
  }

  async #beat(): Promise<void> {
    let reason: unknown = 'the cache does not serve'
    let beating = false
    try {
      if (await this.#deps.serves()) {
        await this.#deps.nft(refreshScript(this.#pulse))
        beating = true
      }
    } catch (error) {
      reason = error
    }
    if (beating === this.#beating) return
    this.#beating = beating
    const { family, table, set } = this.#pulse
    if (beating) this.#deps.log.info({ family, table, set }, 'nodes are sent to the cache')
    else this.#deps.log.warn({ err: reason, family, table }, 'nodes are not sent to the cache; still trying')
  }

  /** Takes the element out, so that new connections go past the cache from now on. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#done
    try {
      await this.#deps.nft(withdrawScript(this.#pulse))
    } catch (error) {
      // Nothing to take out, or it goes by itself in a moment.
      this.#deps.log.debug({ err: error }, 'the element could not be taken out')
    }
  }
}

/**
 * Milliseconds until the next beat: there are four in each hold. Never more than a quarter of it, also when the clock was set
 * back during a beat, so that it seems to have taken less than no time.
 */
export function untilNext(hold: number, tookMs: number): number {
  return Math.min(hold / 4, Math.max(1, hold / 4 - tookMs))
}

/** Older kernels don't prolong an element that is there, so it is taken out and put in, which the kernel does at once. */
export function refreshScript(pulse: Pulse): string {
  return `${addLine(pulse)}${deleteLine(pulse)}${addLine(pulse)}`
}

/** Adding first makes the deletion succeed whether or not the element was there. */
export function withdrawScript(pulse: Pulse): string {
  return `${addLine(pulse)}${deleteLine(pulse)}`
}

function addLine({ family, table, set, port, hold }: Pulse): string {
  return `add element ${family} ${table} ${set} { ${port} timeout ${hold}ms }\n`
}

function deleteLine({ family, table, set, port }: Pulse): string {
  return `delete element ${family} ${table} ${set} { ${port} }\n`
}

/**
 * Runs `nft -f -`.
 * @param timeoutMs Milliseconds until it is killed.
 * @throws CausewayError `CommandFailed` with what nft said
 */
export function runNft(script: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('nft', ['-f', '-'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/sbin:/usr/bin:/bin', LC_ALL: 'C' },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 2000) said += text
    })
    child.on('error', (cause) => reject(new CausewayError('CommandFailed', `nft: ${cause.message}`, { cause })))
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new CausewayError('CommandFailed', `nft ended with ${signal ?? code}: ${said.trim().slice(0, 500)}`))
    })
    child.stdin.on('error', () => {})
    child.stdin.end(script)
  })
}
