import { performance } from 'node:perf_hooks'
import { type Clock, systemClock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Events } from '../events.ts'
import { endToEnd, type Headers, one } from '../headers.ts'
import type { Origin } from '../origins.ts'
import { pathToAsk } from '../paths.ts'
import type { Upstream, UpstreamAsk, UpstreamResponse } from './ask.ts'
import { AtParent, type Awaited } from './at-parent.ts'
import { drop } from './drop.ts'
import type { Reply } from './exchange.ts'
import { type Health, retryAfterMs } from './health.ts'
import { judge } from './judge.ts'
import { Link } from './link.ts'
import { type Lookup, Names } from './names.ts'
import { orderOf } from './order.ts'
import { authorityOf, type Endpoint, type Place, placesOf } from './places.ts'
import { follow, isRedirect, isSameServer, type Step } from './redirects.ts'

/** Milliseconds for the head of an answer: of a sibling, of a place while there is another to ask, of the last one. */
const patience = { sibling: 1_000, another: 5_000, last: 15_000 } as const

/** What of a request's headers goes to an origin; everything else is between the client and the cache. */
const passedOn: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
])

const credentials: ReadonlySet<string> = new Set(['authorization', 'cookie'])

/** A question of another cache, which waits here for what the parent may have been asked. */
export interface Awaiting extends Awaited {
  /** The caches that it came by, as a Via header. */
  readonly via: string
}

export interface ManyPlacesDeps {
  /** By the name that clients use. */
  readonly origins: ReadonlyMap<string, Origin>
  /** Base URLs of other caches. */
  readonly siblings: readonly string[]
  readonly parent: string | undefined
  /** This process's name in the Via header. */
  readonly via: string
  readonly events: Events
  /** Must not jump. */
  readonly clock?: Clock
  readonly random?: () => number
  readonly lookup?: Lookup
}

/** How a place does, for people. */
export interface PlaceState {
  /** The server's base URL. */
  readonly place: string
  readonly health: Health
}

/** Milliseconds since the epoch as of the start of the process, and never set back or forth afterwards. */
const steadyClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  sleep: (ms, signal) => systemClock.sleep(ms, signal),
}

/** The way to the origins, over whichever place has the file: see `Upstream`. */
export class ManyPlaces implements Upstream {
  /** The names that it resolved, for others who connect to the outside. */
  readonly names: Names
  readonly #deps: ManyPlacesDeps
  readonly #clock: Clock
  readonly #places = new Map<string, readonly Place[]>()
  readonly #links = new Map<string, Link>()
  readonly #atParent = new AtParent()

  constructor(deps: ManyPlacesDeps) {
    this.#deps = deps
    this.#clock = deps.clock ?? steadyClock
    this.names = new Names({ clock: this.#clock, ...(deps.lookup ? { lookup: deps.lookup } : {}) })
  }

  async ask(ask: UpstreamAsk): Promise<UpstreamResponse> {
    const places = this.#order(ask)
    const tried: Tried[] = []
    // What the origin itself said, though badly: it is the answer when nobody has a better one.
    let word: UpstreamResponse | undefined
    for (const [index, place] of places.entries()) {
      const others = index + 1 < places.length
      try {
        const asking = this.#askPlace(place, ask, others)
        const response = await (place.role === 'parent' ? this.#atParent.during(ask, asking) : asking)
        const { verdict, why } = judge(place.role, response.status)
        if (verdict === 'answer') {
          if (word) drop(word)
          return response
        }
        tried.push({ place, why })
        if (verdict === 'last' && !word) word = response
        else drop(response)
      } catch (error) {
        if (ask.signal?.aborted) {
          if (word) drop(word)
          throw error
        }
        tried.push({ place, why: (error as Error).message, error })
      }
    }
    if (word) return word
    throw this.#nobody(ask, tried)
  }

  /**
   * Whether another cache's question would wait for itself, were it to wait for what the parent is being asked here: parents
   * may form a ring. The parent knows: it refuses (508) what comes by itself, and what waits there for its own parent it asks
   * in the same manner. Nobody asks an origin for that, and nobody waits for anything but the caches' own words.
   */
  async comesRound(awaiting: Awaiting): Promise<boolean> {
    const { origin, path, via } = awaiting
    const parent = this.#placesOf(origin).find(({ role }) => role === 'parent')
    if (!parent || !this.#atParent.has(awaiting)) return false
    const headers = { ...this.#headers({ via }, parent, parent.authority, false), 'cache-control': 'only-if-cached' }
    const target = `${parent.prefix}${pathToAsk(path)}`
    const link = this.#link(parent.endpoint)
    try {
      const reply = await link.ask({
        method: 'HEAD',
        path: target,
        headers,
        patienceMs: patience.another,
        signal: undefined,
      })
      drop(reply)
      return reply.status === 508 && this.#atParent.has(awaiting)
    } catch {
      // The link has noted it, and whoever waits for the parent goes on to the next place.
      return false
    }
  }

  /** How each place that has been asked does. */
  states(): PlaceState[] {
    return [...this.#links.values()].map(({ name, health }) => ({ place: name, health }))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.close()))
  }

  #order({ origin, kind = 'other', headers, place: only, avoid = [] }: UpstreamAsk): Place[] {
    const personal = Object.keys(headers).some((name) => credentials.has(name))
    const candidates = this.#placesOf(origin)
      .filter(({ name }) => (only === undefined || name === only) && !avoid.includes(name))
      .map((place) => ({ place, health: this.#link(place.endpoint).health }))
    return orderOf(candidates, { kind, personal, pinned: only !== undefined, nowMs: this.#clock.now() })
  }

  /** Asks one place, following where it leads. Its health is told how it went. */
  async #askPlace(place: Place, ask: UpstreamAsk, others: boolean): Promise<UpstreamResponse> {
    const { origin, signal } = ask
    const steps: Step[] = [{ endpoint: place.endpoint, path: `${place.prefix}${pathToAsk(ask.path)}` }]
    for (;;) {
      const { endpoint, path } = steps[steps.length - 1] as Step
      const first = steps.length === 1
      const link = this.#link(endpoint)
      const foreign = !isSameServer(endpoint, place.endpoint)
      const reply = await link.ask({
        method: ask.method,
        path,
        headers: this.#headers(ask.headers, place, first ? place.authority : authorityOf(endpoint), foreign),
        patienceMs: place.role === 'sibling' ? patience.sibling : others ? patience.another : patience.last,
        signal,
      })
      note(link, place, reply)
      const location = one(reply.headers['location']) || undefined
      const cache = place.role === 'sibling' || place.role === 'parent'
      if (cache || !isRedirect(reply.status, location)) return toResponse(reply, place)
      drop(reply)
      const next = follow(steps, location, origin, this.#deps.origins)
      if ('refused' in next) throw new CausewayError('TargetRefused', `a redirect is not followed: ${next.refused}`)
      steps.push(next)
    }
  }

  #headers(given: Headers, place: Place, authority: string, foreign: boolean): Headers {
    const headers: Record<string, string> = {
      host: authority,
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'causeway-cache',
      via: [given['via'], `1.1 ${this.#deps.via}`].filter(Boolean).join(', '),
    }
    if (place.role === 'sibling') headers['cache-control'] = 'only-if-cached'
    for (const [name, value] of Object.entries(given)) {
      if (passedOn.has(name) && !(foreign && credentials.has(name))) headers[name] = value
    }
    return headers
  }

  #placesOf(origin: Origin): readonly Place[] {
    let places = this.#places.get(origin.host)
    if (!places) this.#places.set(origin.host, (places = placesOf(origin, this.#deps)))
    return places
  }

  #link(endpoint: Endpoint): Link {
    const key = JSON.stringify([endpoint.scheme, endpoint.host, endpoint.address, endpoint.port, endpoint.private])
    let link = this.#links.get(key)
    if (!link) {
      const { events, random = Math.random } = this.#deps
      link = new Link(endpoint, { names: this.names, clock: this.#clock, events, random })
      this.#links.set(key, link)
    }
    return link
  }

  /** The error that says where was asked, and what is known of the places that weren't. */
  #nobody({ origin, place: only, avoid = [] }: UpstreamAsk, tried: readonly Tried[]): CausewayError {
    const said = tried.map(({ place, why }) => `${place.name}: ${why}`)
    for (const place of this.#placesOf(origin)) {
      if (tried.some((each) => each.place === place)) continue
      if (place.role === 'sibling' || avoid.includes(place.name) || (only !== undefined && only !== place.name))
        continue
      const link = this.#link(place.endpoint)
      if (link.health.state !== 'away') continue
      link.nudge()
      said.push(`${place.name}: away since ${new Date(link.health.sinceMs).toISOString()} (${link.health.why})`)
    }
    const refused = tried.find(({ error }) => error instanceof CausewayError && error.code === 'TargetRefused')
    const cause = (refused ?? tried.find(({ error }) => error))?.error
    const message = said.length === 0 ? `${origin.host}: no place is left to ask` : said.join('; ')
    return new CausewayError(refused ? 'TargetRefused' : 'OriginUnreachable', message, {
      cause,
      facts: { places: said },
    })
  }
}

interface Tried {
  readonly place: Place
  readonly why: string
  readonly error?: unknown
}

/** Tells a server's health of its answer. */
function note(link: Link, { role }: Place, { status, headers, headMs }: Reply): void {
  if (role === 'sibling') link.noteShare(judge(role, status).verdict === 'answer')
  // A sibling says 504 for what it hasn't got, a parent 508 for what it would ask us for: these are good answers.
  const good = (role === 'sibling' && status === 504) || (role === 'parent' && status === 508)
  const poor = (status >= 500 && !good) || status === 429
  if (!poor) return link.noteAnswer(headMs)
  const wishedMs = retryAfterMs(one(headers['retry-after']), one(headers['date']))
  link.fail({ state: 'poor', why: `it answered ${status}`, verdictMs: headMs, retryAfterMs: wishedMs })
}

function toResponse({ status, headers, headMs, body }: Reply, place: Place): UpstreamResponse {
  const announced = one(headers['content-length'])
  return {
    status,
    headers: endToEnd(headers),
    length: /^\d{1,15}$/.test(announced) ? Number(announced) : undefined,
    framed: announced !== '' || headers['transfer-encoding'] !== undefined,
    body,
    place: place.name,
    headMs,
  }
}
