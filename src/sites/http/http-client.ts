import type * as Undici from 'undici'
import { CausewayError } from '../../base/errors.ts'

/** A question to an API. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** What an API answered; any status is an answer. */
export interface HttpAnswer {
  readonly status: number
  /** The first value of a header, by its name in lower case; undefined: there is none. */
  header(name: string): string | undefined
  readonly text: string
}

/** How an `HttpClient` connects. */
export interface HttpClientOptions {
  /** Who is asked, for messages. */
  readonly name: string
  /** PEM text of the authorities that vouch for the API; left out: those of this machine. */
  readonly ca?: string
  /** Milliseconds until an answer that does not come is given up. Default 60 000. */
  readonly timeoutMs?: number
}

const connectMs = 10_000
const longestAnswer = 64 * 1024 * 1024

/** Asks an API over HTTP or HTTPS, and keeps connections open. It follows no redirects: tokens go where they are meant to. */
export class HttpClient {
  readonly #options: HttpClientOptions
  #opened: Promise<{ readonly agent: Undici.Agent; readonly request: typeof Undici.request }> | null = null

  constructor(options: HttpClientOptions) {
    this.#options = options
  }

  /**
   * @throws CausewayError `HostUnreachable` (no connection, or it broke) or `CommandTimeout`: what was asked for may have
   *   happened; `MalformedOutput` for an answer that is no HTTP or longer than 64 MiB
   */
  async send({ url, method, headers = {}, body }: HttpRequest): Promise<HttpAnswer> {
    const { agent, request } = await (this.#opened ??= this.#open())
    const sent = body === undefined ? {} : { body }
    try {
      const answer = await request(url, { dispatcher: agent, method, headers, ...sent })
      const text = await answer.body.text()
      const header = (name: string) => [answer.headers[name]].flat()[0]
      return { status: answer.statusCode, header, text }
    } catch (cause) {
      throw this.#failure(`${method} ${new URL(url).origin}${new URL(url).pathname}`, cause)
    }
  }

  async close(): Promise<void> {
    const opened = await this.#opened
    await opened?.agent.destroy()
  }

  async #open() {
    // Not loaded where nothing is asked.
    const { Agent, request } = await import('undici')
    const { ca, timeoutMs = 60_000 } = this.#options
    const connect = { timeout: connectMs, ...(ca === undefined ? {} : { ca }) }
    const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs, maxResponseSize: longestAnswer }
    return { agent: new Agent({ connect, ...limits }), request }
  }

  #failure(what: string, cause: unknown): CausewayError {
    const { name, message, code = '' } = cause as NodeJS.ErrnoException
    const text = `${this.#options.name}: ${what}: ${message || code}`
    if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
      return new CausewayError('CommandTimeout', text, { cause })
    }
    const isMalformed = code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE' || name === 'HTTPParserError'
    return new CausewayError(isMalformed ? 'MalformedOutput' : 'HostUnreachable', text, { cause })
  }
}
