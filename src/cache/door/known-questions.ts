import { type Kind, kindOf } from '../formats/kinds.ts'
import type { Origin } from '../origins.ts'
import { pagePrefix } from '../watch/pages.ts'
import { readPlainRequest } from './plain-request.ts'
import { readRequest } from './request.ts'

/** What a plain GET asks for. */
export interface Question {
  readonly origin: Origin
  /** Path and query at the origin, in canonical form. */
  readonly path: string
  /** What names the file, see `keyOf`. */
  readonly url: string
  readonly kind: Kind
}

/** Questions that are remembered; of 500 bytes or so each. */
const mostKnown = 2048

/**
 * Plain requests and what they ask for. The nodes of a site are installed alike and ask for a file in the same words, so
 * what some words come to is remembered: what that is depends on nothing else.
 */
export class KnownQuestions {
  readonly #origins: ReadonlyMap<string, Origin>
  readonly #via: string
  readonly #known = new Map<string, Question>()

  /** @param via as `readRequest` */
  constructor(origins: ReadonlyMap<string, Origin>, via: string) {
    this.#origins = origins
    this.#via = via
  }

  /**
   * Undefined for what is not plain, is to be refused, or is for the cache itself.
   * @param head A request to the end of its head, each byte a character.
   */
  read(head: string): Question | undefined {
    return this.#known.get(head) ?? this.#understand(head)
  }

  #understand(head: string): Question | undefined {
    const plain = readPlainRequest(head)
    if (!plain || plain.target.startsWith(pagePrefix)) return undefined
    const request = readRequest({ method: 'GET', ...plain }, this.#origins, this.#via)
    if ('message' in request || request.personal) return undefined
    const { origin, path, url } = request
    const question = { origin, path, url, kind: kindOf(origin, path) }
    if (this.#known.size >= mostKnown) this.#known.clear()
    this.#known.set(head, question)
    return question
  }
}
