import { readFile } from 'node:fs/promises'
import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import { type HttpAnswer, HttpClient, type HttpRequest } from '../http/http-client.ts'
import type { AnswerReader } from '../http/json-answer.ts'
import { type Credentials, readCredentials } from './credentials.ts'
import { refusal } from './errors.ts'
import { Identity, type Service, type Session } from './identity.ts'

/** A question to one of the cloud's services. */
export interface Question {
  readonly service: Service
  readonly method?: HttpRequest['method']
  /** Below the service's address, with its version: `/v2.0/ports?name=x`. */
  readonly path: string
  readonly body?: unknown
}

/** An answer of the wanted shape, and when the service gave it, by its own clock: ms since the epoch. */
export interface Answered<T> {
  readonly value: T
  readonly atMs: number
}

export interface CloudApiOptions {
  /** The site's name, for messages. */
  readonly site: string
  /** The credentials' file, and the cloud in it; null: its only one. */
  readonly file: string
  readonly cloud: string | null
  /** What the configuration says otherwise than the file. */
  readonly region?: string | undefined
  readonly interface?: string | undefined
  readonly clock: Pick<Clock, 'now'>
}

/**
 * 2.69, of OpenStack Stein: servers of a cell that is down are told as such, rather than left out.
 * https://docs.openstack.org/nova/latest/reference/api-microversion-history.html
 */
const microversion = 'compute 2.69'

/** The version at the end of a service's address, where the catalogue has it. */
const versionForm = /\/v\d+(\.\d+)?$/

/** How often a list is begun again whose next page can't be found since the last one's end is gone. */
const mostRestarts = 5

/** Asks the cloud's services with a token, which is renewed when it has ended. */
export class CloudApi {
  readonly #options: CloudApiOptions
  #opened: Promise<{ readonly http: HttpClient; readonly identity: Identity }> | null = null

  constructor(options: CloudApiOptions) {
    this.#options = options
  }

  /**
   * @throws CausewayError as `refusal` has it for what is no success, `MalformedOutput`, and what `HttpClient.send` and
   *   `Identity.session` throw
   */
  async ask<T>(question: Question, read: AnswerReader<T>): Promise<Answered<T>> {
    const answer = await this.#send(question)
    const dateMs = Date.parse(answer.header('date') ?? '')
    const value = read(this.#name(question), answer.text)
    return { value, atMs: Number.isNaN(dateMs) ? this.#options.clock.now() : dateMs }
  }

  /** The same where the answer is not looked at. */
  async tell(question: Question): Promise<void> {
    await this.#send(question)
  }

  /**
   * All pages of a list.
   * @param path its first page
   * @param next what follows a page: an address, of which only the query is used, so that tokens go nowhere else
   */
  async pages<T>(
    service: Service,
    path: string,
    read: AnswerReader<T>,
    next: (page: T) => string | undefined,
  ): Promise<Answered<T[]>> {
    for (let restarts = 0; ; restarts += 1) {
      try {
        return await this.#pages(service, path, read, next)
      } catch (error) {
        // What the last page ended with was deleted meanwhile.
        if (!(error instanceof LostPlace)) throw error
        if (restarts === mostRestarts) throw error.cause
      }
    }
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => null)
    await opened?.http.close()
  }

  async #pages<T>(
    service: Service,
    first: string,
    read: AnswerReader<T>,
    next: (page: T) => string | undefined,
  ): Promise<Answered<T[]>> {
    const pages: T[] = []
    const seen = new Set<string>()
    for (let path = first; ; ) {
      seen.add(path)
      const { value, atMs } = await this.ask({ service, path }, read).catch((error: unknown) => {
        throw pages.length > 0 && isBadMarker(error) ? new LostPlace('', { cause: error }) : error
      })
      pages.push(value)
      const link = next(value)
      if (link === undefined) return { value: pages, atMs }
      path = `${first.split('?')[0]}${new URL(link, 'http://cloud').search}`
      if (seen.has(path)) throw new CausewayError('MalformedOutput', `${this.#options.site}: ${path} follows itself`)
    }
  }

  async #send(question: Question): Promise<HttpAnswer> {
    const { identity } = await this.#open()
    const session = await identity.session()
    const answer = await this.#sendWith(session, question)
    if (answer.status !== 401) return this.#checked(question, answer)
    identity.forget(session)
    return this.#checked(question, await this.#sendWith(await identity.session(), question))
  }

  async #sendWith(session: Session, { service, method = 'GET', path, body }: Question): Promise<HttpAnswer> {
    const { http } = await this.#open()
    const [, version = ''] = /^(\/v[0-9.]+)/.exec(path) ?? []
    const base = session.endpoint(service)
    // Nova's address has its version, and may have the project behind it; those of others may or may not have theirs.
    const root = service === 'compute' ? base : base.replace(versionForm, '') + version
    const headers = {
      accept: 'application/json',
      'x-auth-token': session.token,
      ...(service === 'compute' ? { 'openstack-api-version': microversion } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    return await http.send({ method, url: root + path.slice(version.length), headers, ...sent })
  }

  #checked(question: Question, answer: HttpAnswer): HttpAnswer {
    if (answer.status >= 200 && answer.status < 300) return answer
    throw refusal(this.#name(question), answer, this.#options.clock.now())
  }

  #name({ service, method = 'GET', path }: Question): string {
    return `${this.#options.site}: ${service} ${method} ${path.split('?')[0]}`
  }

  #open() {
    this.#opened ??= this.#connect()
    const opened = this.#opened
    // A file that could not be used may have been mended.
    opened.catch(() => {
      if (this.#opened === opened) this.#opened = null
    })
    return opened
  }

  async #connect() {
    const { site, clock } = this.#options
    const http = new HttpClient({ name: site, ...(await authority(await this.#credentials())) })
    return { http, identity: new Identity({ credentials: () => this.#credentials(), http, clock }) }
  }

  async #credentials(): Promise<Credentials> {
    const { file, cloud, region, interface: kind } = this.#options
    const read = await readCredentials(file, cloud)
    return { ...read, region: region ?? read.region, interface: kind ?? read.interface }
  }
}

/** A list's place was lost between two pages; the cause is what the service answered. */
class LostPlace extends Error {}

function isBadMarker(error: unknown): boolean {
  return error instanceof CausewayError && (error.facts.status === 400 || error.facts.status === 404)
}

async function authority({ caFile }: Credentials): Promise<{ ca?: string }> {
  if (caFile === null) return {}
  try {
    return { ca: await readFile(caFile, 'utf8') }
  } catch (cause) {
    throw new CausewayError('Unauthorized', `the authorities in ${caFile} (cacert) can't be read`, { cause })
  }
}
