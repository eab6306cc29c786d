import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { CausewayError } from '../src/base/errors.ts'

/** Counters of one direction of a cable since it was plugged in. */
export interface CableDirection {
  /** Frames that came in, and that went out at the far end. */
  readonly rx: number
  readonly tx: number
  readonly rx_bytes: number
  readonly tx_bytes: number
  readonly lost: number
  readonly tail_drop: number
  readonly full_drop: number
  readonly down_drop: number
  readonly write_err: number
  readonly queued_max: number
  /** How late frames left because this machine could not keep up, microseconds: look here before believing a timing. */
  readonly late_us_mean: number
  readonly late_us_max: number
}

/** `ab` is from the first end to the second. */
export interface CableStats {
  readonly ab: CableDirection
  readonly ba: CableDirection
}

/** One end of a cable: a device to be made in a network namespace. */
export interface CableEnd {
  readonly netns: string
  readonly device: string
}

/** What a cable is like; both directions are the same. */
export interface CableSpec {
  readonly ends: readonly [CableEnd, CableEnd]
  /** One way, ms. */
  readonly delayMs: number
  /** Bit/s with suffix k, m or g: `100m`. */
  readonly rate: string
}

/** A WAN cable between two network namespaces, held by a wandelay process (see wandelay/README.md). */
export class Cable {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting: ((line: string) => void)[] = []
  #stderr = ''

  /**
   * Resolves when both ends are up.
   * @param program path of wandelay
   * @throws CausewayError `CommandFailed` with what wandelay said.
   */
  static async plug(program: string, spec: CableSpec): Promise<Cable> {
    const cable = new Cable(program, spec)
    await cable.#nextLine()
    return cable
  }

  private constructor(program: string, spec: CableSpec) {
    const [a, b] = spec.ends
    const line = ['-R', '-d', String(spec.delayMs), '-r', spec.rate]
    // It runs inside the first namespace so that whoever empties that namespace after a crash finds it.
    this.#child = spawn(
      'nsenter',
      [`--net=/run/netns/${a.netns}`, program, ...line, `${a.netns}:${a.device}`, `${b.netns}:${b.device}`],
      { detached: true, cwd: '/', stdio: 'pipe' },
    )
    let rest = ''
    this.#child.stdout.on('data', (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const answer of lines) this.#waiting.shift()?.(answer)
    })
    this.#child.stderr.on('data', (bytes: Buffer) => {
      this.#stderr += bytes.toString()
    })
    this.#child.stdin.on('error', () => undefined) // its end is told by 'close'
    this.#child.once('close', () => {
      for (const answer of this.#waiting.splice(0)) answer(`error: wandelay has ended: ${this.#stderr.trim()}`)
    })
    this.#child.once('error', (error) => {
      this.#stderr = error.message
    })
  }

  /** Lets this process end while the cable stays plugged in. */
  unref(): void {
    this.#child.unref()
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      ;(stream as unknown as { unref(): void }).unref()
    }
  }

  /** Takes the cable away, devices included. */
  async unplug(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.ref()
    this.#child.kill('SIGKILL')
    await closed
  }

  /** Changes the delay of both directions, ms one way. */
  async delay(ms: number): Promise<void> {
    await this.#command(`delay ${ms}`)
  }

  /** Loses single frames at random, per cent: of both directions, or of each (100 cuts one of them). */
  async lose(percent: number, back = percent): Promise<void> {
    await this.#command(`loss ${percent},${back}`)
  }

  /** Takes the carrier of both ends away. */
  async loseCarrier(): Promise<void> {
    await this.#command('unplug')
  }

  /** Gives the carrier back. */
  async regainCarrier(): Promise<void> {
    await this.#command('plug')
  }

  /** A silent cut far away: frames vanish, the carrier stays. */
  async down(): Promise<void> {
    await this.#command('down')
  }

  /** Ends a cut. */
  async up(): Promise<void> {
    await this.#command('up')
  }

  async stats(): Promise<CableStats> {
    return JSON.parse(await this.#command('stats')) as CableStats
  }

  async #command(line: string): Promise<string> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      throw new CausewayError('CommandFailed', `wandelay has ended: ${this.#stderr.trim()}`)
    }
    this.#child.stdin.write(`${line}\n`)
    return this.#nextLine()
  }

  async #nextLine(): Promise<string> {
    const line = await new Promise<string>((resolve) => this.#waiting.push(resolve))
    if (line.startsWith('error')) throw new CausewayError('CommandFailed', `WAN cable: ${line}`)
    return line
  }
}
