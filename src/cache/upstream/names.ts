import { type LookupAddress, lookup } from 'node:dns'
import { isIP } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import { isPrivate } from './addresses.ts'

/** Asks DNS, and whatever else the machine has, for all addresses of a name. */
export type Lookup = (name: string) => Promise<readonly LookupAddress[]>

/** Milliseconds for which addresses are used without asking anew. */
const freshMs = 30_000

/** Milliseconds for which they are used when asking fails. */
const keptMs = 24 * 3_600_000

/** Milliseconds that anybody waits for an answer, and where an earlier one would do. */
const patienceMs = 3_000
const shortPatienceMs = 300

/**
 * The addresses of names. One question per name at a time: the machine's resolver holds a thread until it answers or gives
 * up, and there are few.
 */
export class Names {
  readonly #clock: Clock
  readonly #lookup: Lookup
  readonly #known = new Map<string, { addresses: readonly LookupAddress[]; asOfMs: number }>()
  readonly #asking = new Map<string, Promise<readonly LookupAddress[]>>()

  constructor({ clock, lookup = systemLookup }: { clock: Clock; lookup?: Lookup }) {
    this.#clock = clock
    this.#lookup = lookup
  }

  /**
   * Where to connect to for a name, or for an address as it is.
   * @param privateToo Whether addresses that are not of the public Internet may be among them.
   * @throws CausewayError `TargetRefused` when all are private, `OriginUnreachable` when there is no answer
   */
  async addressesOf(name: string, privateToo: boolean): Promise<readonly LookupAddress[]> {
    const family = isIP(name)
    const all = family > 0 ? [{ address: name, family }] : await this.#resolve(name)
    const allowed = privateToo ? all : all.filter(({ address }) => !isPrivate(address))
    if (allowed.length > 0) return allowed
    throw notPublic(
      name,
      all.map(({ address }) => address),
    )
  }

  async #resolve(name: string): Promise<readonly LookupAddress[]> {
    const known = this.#known.get(name)
    const age = known ? this.#clock.now() - known.asOfMs : Number.POSITIVE_INFINITY
    if (known && age >= 0 && age < freshMs) return known.addresses
    if (!known || age >= keptMs) return this.#ask(name)
    // With the WAN, DNS goes too: what it said before is no worse for being asked about again.
    const answered = new AbortController()
    const before = this.#clock.sleep(shortPatienceMs, answered.signal).then(() => known.addresses)
    return Promise.race([this.#ask(name).catch(() => known.addresses), before]).finally(() => answered.abort())
  }

  #ask(name: string): Promise<readonly LookupAddress[]> {
    const asking = this.#asking.get(name)
    if (asking) return asking
    const answer = this.#lookup(name).then((addresses) => {
      if (addresses.length === 0) throw new Error('it has no address')
      this.#known.set(name, { addresses, asOfMs: this.#clock.now() })
      return addresses
    })
    const bounded = Promise.race([answer, this.#tooLate(answer)]).catch((cause: unknown) => {
      throw new CausewayError('OriginUnreachable', `${name} has no address: ${(cause as Error).message}`, { cause })
    })
    this.#asking.set(name, bounded)
    const forget = () => this.#asking.delete(name)
    answer.then(forget, forget)
    return bounded
  }

  async #tooLate(answer: Promise<unknown>): Promise<never> {
    const done = new AbortController()
    const stop = () => done.abort()
    answer.then(stop, stop)
    await this.#clock.sleep(patienceMs, done.signal)
    if (done.signal.aborted) await answer
    throw new Error(`DNS did not answer in ${patienceMs} ms`)
  }
}

/** The refusal to connect to a name for where it leads. */
function notPublic(name: string, addresses: readonly string[]): CausewayError {
  const where = `${name} is at ${addresses.join(', ')}, which is not of the public Internet`
  return new CausewayError('TargetRefused', where)
}

function systemLookup(name: string): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(name, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)))
  })
}
