import { CausewayError } from '../../base/errors.ts'
import { reach } from '../store/extents.ts'
import type { Body } from './body.ts'
import type { ReadableFill } from './fill-reader.ts'
import type { Limits } from './limits.ts'
import { heldBytes, OwnWay, type OwnWayOptions } from './own-way.ts'
import type { Transfers } from './transfers.ts'

/** Where a fill is in its life, for those who read it. It is changed by the fill. */
export interface Standing {
  state: 'arriving' | 'complete' | 'broken' | 'suspended' | 'lost'
  /** Why it is broken. */
  failure: CausewayError | undefined
}

export interface ReadingOptions {
  readonly standing: Readonly<Standing>
  readonly body: Body
  /** Whether the body is written to disk. */
  readonly hasDisk: boolean
  readonly transfers: Transfers
  /** For the way of a reader alone; its `expected` also tells whether the end is held back. */
  readonly way: Pick<OwnWayOptions, 'ask' | 'received' | 'expected'> & {
    readonly headers: OwnWayOptions['same']['headers']
  }
  /** It is for one reader only. */
  readonly alone: boolean
  readonly limits: Limits
  /** Told when a reader leaves. */
  readonly onLeave: () => void
}

interface Waiting {
  readonly position: number
  /** It has got nothing yet. */
  readonly urgent: boolean
  readonly wake: () => void
}

/** Bytes that a follower at the front waits for, unless they take too long. */
const gatherBytes = 192 * 1024

/** What the readers of a body on its way may read of it now, what they wait for, and when they are woken. */
export class Reading implements ReadableFill {
  readonly #options: ReadingOptions
  #waiting: Waiting[] = []
  /** Bytes that have come since somebody was woken. */
  #gathered = 0
  #gathering: NodeJS.Timeout | undefined
  /** Without a disk: bytes that have come since somebody waited for some. */
  #ahead = 0
  #goOn: (() => void) | undefined

  constructor(options: ReadingOptions) {
    this.#options = options
  }

  /** Where readers are that wait. */
  get positions(): readonly number[] {
    return this.#waiting.map(({ position }) => position)
  }

  limit(end: number): number {
    const { standing, body, transfers, way } = this.#options
    if (!way.expected || standing.state === 'complete') return Number.POSITIVE_INFINITY
    const { length } = body
    if (length === undefined) return Math.max(0, reach(body.present, 0) - heldBytes)
    const held = Math.max(0, length - heldBytes)
    // Who wants a part that doesn't go to the end, or of a body that doesn't come whole, gets it as it is: as a part.
    if (!transfers.comesWhole) return Number.POSITIVE_INFINITY
    if (Math.min(end, length) > held) return held
    // Nobody would notice that a part is of two versions.
    return transfers.patched ? 0 : Number.POSITIVE_INFINITY
  }

  view(position: number, end: number): Buffer | undefined {
    const { standing, body } = this.#options
    if (standing.failure?.code === 'DigestMismatch') return undefined
    return body.look(position, end - position)
  }

  onDisk(position: number): boolean {
    const { standing, body } = this.#options
    return standing.failure?.code !== 'DigestMismatch' && body.onDisk(position)
  }

  readDisk(into: Buffer, position: number): Promise<number> {
    const { standing, body } = this.#options
    if (standing.failure?.code === 'DigestMismatch') throw standing.failure
    return body.read(into, position)
  }

  isOver(position: number): boolean {
    const { state } = this.#options.standing
    const { body } = this.#options
    if (state === 'broken' || state === 'lost' || state === 'suspended') return true
    if (state === 'complete' && position >= (body.length ?? 0)) return true
    // Without a disk memory holds only the last of what has come.
    return reach(body.present, position) > position && !body.onDisk(position) && position < this.limit(position + 1)
  }

  isEnd(position: number): boolean {
    const { standing, body } = this.#options
    if (standing.state === 'broken') {
      throw standing.failure ?? new CausewayError('TransferBroken', 'the transfer broke')
    }
    return body.length !== undefined && position >= body.length
  }

  wait(position: number, urgent: boolean): Promise<void> {
    return new Promise((wake) => {
      this.#waiting.push({ position, urgent, wake })
      this.#ahead = 0
      this.goOn()
      if (this.#options.standing.state === 'arriving') this.#options.transfers.pump()
    })
  }

  ownWay(whole: boolean, position: number): Promise<OwnWay> {
    const { body, transfers, alone, way, limits } = this.#options
    if (alone) throw new CausewayError('TransferBroken', 'the reader went back')
    const { ask, received, headers } = way
    const expected = whole ? way.expected : undefined
    const same = { headers, length: body.length, verified: expected !== undefined }
    const { stallMs } = limits
    return OwnWay.begin({ ask, received, same, place: transfers.place, position, expected, stallMs })
  }

  leave(): void {
    this.#options.onLeave()
  }

  /** So many bytes have come: those who wait are woken, at the front not for each few. */
  came(bytes: number): void {
    this.#ahead += bytes
    if (this.#waiting.length === 0) return
    this.#gathered += bytes
    if (this.#gathered >= gatherBytes || this.#waiting.some(({ urgent }) => urgent)) this.wake()
    else this.#gathering ??= setTimeout(() => this.wake(), this.#options.limits.gatherMs)
  }

  /** Wakes all who wait: they look what there is. */
  wake(): void {
    clearTimeout(this.#gathering)
    this.#gathering = undefined
    this.#gathered = 0
    const waiting = this.#waiting
    this.#waiting = []
    for (const { wake } of waiting) wake()
  }

  /** What comes waits for a slow disk; without a disk, for somebody who waits. Undefined: it needn't. */
  room(): Promise<void> | undefined {
    const { body, hasDisk, limits } = this.#options
    if (hasDisk) return body.room()
    if (this.#ahead < limits.windowBytes / 2) return undefined
    return new Promise((goOn) => {
      this.#goOn = goOn
    })
  }

  /** Lets go on what waits for a reader. */
  goOn(): void {
    this.#goOn?.()
    this.#goOn = undefined
  }
}
