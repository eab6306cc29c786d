import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { CausewayError } from '../../base/errors.ts'
import type { ReceivedHeaders } from '../headers.ts'

/** Bytes of a body that may wait for its reader before the connection is held up. */
const aheadBytes = 256 * 1024

/** The head of an answer, and its body on the way. */
export interface Reply {
  readonly status: number
  readonly headers: ReceivedHeaders
  /** Milliseconds from the request to the head. */
  readonly headMs: number
  readonly body: Readable & AsyncIterable<Buffer>
}

/** Told of what happens to an exchange. Times are of the steady clock. */
export interface Watcher {
  now(): number
  /** Bytes have come. */
  onHeard(): void
  /** It has ended, well or not; no more is said of it. */
  onEnd(exchange: Exchange): void
  /** So many bytes of body have come in so many milliseconds: all of it. */
  onBody(bytes: number, ms: number): void
  /** The server broke off in the middle of a body. */
  onBroken(why: string): void
}

/**
 * One request on a connection and its answer, as undici tells of them.
 *
 * Unlike undici's own `request` it can be given up while it waits for a connection, and it says when it was last heard:
 * that is how a place that has fallen silent is told from one that is busy.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly reply: Promise<Reply>
  /** When it was given a connection; undefined while it waits for one. */
  startedMs: number | undefined
  /** When bytes last came; undefined before the first. */
  heardMs: number | undefined
  readonly #watcher: Watcher
  readonly #settle: { resolve(reply: Reply): void; reject(error: unknown): void }
  #controller: Dispatcher.DispatchController | undefined
  #body: Readable | undefined
  #failure: Error | undefined
  #bytes = 0
  #headAtMs = 0
  #over = false

  constructor(watcher: Watcher) {
    this.#watcher = watcher
    const { promise, ...settle } = Promise.withResolvers<Reply>()
    this.reply = promise
    this.#settle = settle
  }

  /** Whether the head is still to come. */
  get waiting(): boolean {
    return this.#body === undefined && !this.#over
  }

  /** Ends it: who waits for its head, or reads its body, gets the error. */
  fail(error: Error): void {
    if (this.#failure || this.#over) return
    this.#failure = error
    this.#controller?.abort(error)
    this.#end(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.startedMs = this.#watcher.now()
    if (this.#failure) controller.abort(this.#failure)
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ReceivedHeaders): void {
    this.#heard()
    if (status < 200 || this.#over) return
    this.#headAtMs = this.#watcher.now()
    const headMs = this.#headAtMs - (this.startedMs ?? this.#headAtMs)
    const body = new Readable({
      highWaterMark: aheadBytes,
      read: () => controller.resume(),
      destroy: (error, done) => {
        if (!this.#over) this.fail(error ?? new Error('the reader wants no more'))
        done(error)
      },
    })
    // Whoever reads it hears of it too; nobody may be reading yet.
    body.on('error', () => {})
    this.#body = body
    this.#settle.resolve({ status, headers, headMs, body })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#heard()
    if (this.#over) return
    this.#bytes += chunk.length
    if (this.#body?.push(chunk) === false) controller.pause()
  }

  onResponseEnd(): void {
    if (this.#over) return
    this.#over = true
    this.#body?.push(null)
    this.#watcher.onEnd(this)
    this.#watcher.onBody(this.#bytes, this.#watcher.now() - this.#headAtMs)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#body && !this.#over) this.#watcher.onBroken(error.message)
    this.#end(this.#failure ?? error)
  }

  #heard(): void {
    this.heardMs = this.#watcher.now()
    this.#watcher.onHeard()
  }

  #end(error: Error): void {
    if (this.#over) return
    this.#over = true
    this.#watcher.onEnd(this)
    this.#settle.reject(error)
    this.#body?.destroy(toBroken(error))
  }
}

function toBroken(cause: Error): CausewayError {
  if (cause instanceof CausewayError) return cause
  return new CausewayError('TransferBroken', `the transfer broke off: ${cause.message}`, { cause })
}
