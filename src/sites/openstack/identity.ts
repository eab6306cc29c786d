import type { Static } from 'typebox'
import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { answerReader } from '../http/json-answer.ts'
import type { Credentials } from './credentials.ts'
import { refusal } from './errors.ts'
import { TokenAnswer } from './schemas.ts'

/** The services that are used, as the catalogue calls their types. */
export type Service = 'compute' | 'network' | 'image'

/** A token and where it is good. */
export interface Session {
  readonly token: string
  /** The service's address, without a slash at the end. */
  endpoint(service: Service): string
}

/** How long before its end a token is not used any more: at most this, and a tenth of its life. Milliseconds. */
const spareMs = 120_000

const readToken = answerReader(TokenAnswer)

export interface IdentityOptions {
  /** Read for each token, so that a new credential is used without a restart. */
  readonly credentials: () => Promise<Credentials>
  readonly http: HttpClient
  readonly clock: Pick<Clock, 'now'>
}

interface Held {
  readonly session: Session
  readonly untilMs: number
}

/** Tokens of Keystone for an application credential: one for all questions, made anew when it is about to end. */
export class Identity {
  readonly #options: IdentityOptions
  #held: Held | null = null
  #asking: Promise<Held> | null = null

  constructor(options: IdentityOptions) {
    this.#options = options
  }

  /** @throws CausewayError `Unauthorized` when the credential can't be read or is refused, `HostUnreachable`, `RateLimited`, `MalformedOutput` */
  async session(): Promise<Session> {
    if (this.#held && this.#options.clock.now() < this.#held.untilMs) return this.#held.session
    this.#asking ??= this.#ask().finally(() => (this.#asking = null))
    this.#held = await this.#asking
    return this.#held.session
  }

  /** A service refused a session: the next one is made anew. */
  forget(refused: Session): void {
    if (this.#held?.session === refused) this.#held = null
  }

  async #ask(): Promise<Held> {
    const { http, clock } = this.#options
    const credentials = await this.#options.credentials()
    const what = `Keystone at ${credentials.authUrl}`
    const application_credential = { id: credentials.id, secret: credentials.secret }
    const identity = { methods: ['application_credential'], application_credential }
    const begunMs = clock.now()
    const answer = await http.send({
      method: 'POST',
      url: `${credentials.authUrl}/auth/tokens`,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ auth: { identity } }),
    })
    if (answer.status !== 201 && answer.status !== 200) throw refusal(what, answer, clock.now())
    const { token } = readToken(what, answer.text)
    const value = answer.header('x-subject-token')
    // By the cloud's own clock: this machine's may be off.
    const lifeMs = Date.parse(token.expires_at) - Date.parse(token.issued_at)
    if (!value || !(lifeMs > 0)) throw new CausewayError('MalformedOutput', `${what}: answered no usable token`)
    const endpoint = (service: Service) => endpointOf(token.catalog, credentials, service)
    return { session: { token: value, endpoint }, untilMs: begunMs + lifeMs - Math.min(spareMs, lifeMs / 10) }
  }
}

type Catalog = Static<typeof TokenAnswer>['token']['catalog']

/**
 * Where a service is reached, out of the catalogue.
 * @throws CausewayError `InvalidRequest` that names what there is
 */
function endpointOf(catalog: Catalog, place: Pick<Credentials, 'region' | 'interface'>, service: Service): string {
  const endpoints = catalog.filter(({ type }) => type === service).flatMap((entry) => entry.endpoints)
  const here = endpoints.filter((one) => place.region === null || one.region_id === place.region)
  const found = here.filter((one) => one.interface === place.interface)
  const regions = new Set(found.map((one) => one.region_id))
  const [first] = found
  if (first && regions.size === 1) return first.url.replace(/\/+$/, '')
  const known = endpoints.map((one) => `${one.interface} in region ${one.region_id}`).join(', ') || 'none'
  throw new CausewayError(
    'InvalidRequest',
    `the cloud's catalogue has ${first ? 'more than one' : 'no'} ${place.interface} endpoint of its ${service} service` +
      `${place.region === null ? '' : ` in region ${place.region}`}; it has: ${known}. Set \`region\` and \`interface\``,
  )
}
