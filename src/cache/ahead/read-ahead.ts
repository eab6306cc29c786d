import type { Clock } from '../../base/clock.ts'
import { toCausewayError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Wanted } from '../fill/wanted.ts'
import { keyOf, type Origin } from '../origins.ts'
import type { Habits } from './habits.ts'
import type { Newest } from './newest.ts'
import { packageNameOf } from './package-name.ts'
import type { AheadQueue } from './queue.ts'
import type { RolePlace } from './role-place.ts'
import type { RoleContents, RoleReader } from './role-reader.ts'

/** For how long what was brought is not looked at again, whoever asks for something of it, ms. */
const restMs = 30_000

export interface ReadAheadParts {
  readonly places: ReadonlyMap<string, RolePlace>
  readonly reader: Pick<RoleReader, 'read'>
  readonly queue: Pick<AheadQueue, 'add'>
  readonly habits: Habits
  readonly newest: Pick<Newest, 'files'>
  readonly clock: Clock
  readonly log: Logger
}

/** The roles of one repository. */
interface Repository {
  readonly root: string
  readonly places: readonly RolePlace[]
  /** The packages of each role, by key. */
  contents: ReadonlyMap<RolePlace, ReadonlyMap<string, Wanted>>
  /** When the indexes are to be looked at again. */
  restUntilMs: number
  reading: boolean
  /** Until when what several roles have in common needs no look, by their names. */
  readonly brought: Map<string, number>
}

/**
 * Watches what clients ask for and keeps the line to the origin full with what they will ask for next: clients ask for one
 * file after the other, and the line must not wait for them.
 *
 * It goes by the roles: of a client that turns to a repository nothing is known but that it has one of its roles, so what
 * all of these install is brought; and once it asks for a package, what all roles install that have this one. So nothing
 * is brought that only another role needs. And it goes by what clients installed together before, for those whom no role
 * describes.
 */
export class ReadAhead {
  readonly #parts: ReadAheadParts
  readonly #repositories = new Map<string, Repository[]>()

  constructor(parts: ReadAheadParts) {
    this.#parts = parts
    for (const place of parts.places.values()) {
      const { root, origin } = place
      const there = this.#repositories.get(origin.host) ?? []
      const at = there.findIndex((one) => one.root === root)
      const places = [...(there[at]?.places ?? []), place]
      const fresh = { root, places, contents: new Map(), restUntilMs: 0, reading: false, brought: new Map() }
      if (at === -1) there.push(fresh)
      else there[at] = fresh
      this.#repositories.set(origin.host, there)
    }
  }

  /** A client asks for a file. Returns at once, whatever comes of it. */
  noticed(client: string, origin: Origin, path: string): void {
    const nowMs = this.#parts.clock.now()
    const repositories = this.#repositories.get(origin.host)
    if (repositories) {
      for (const one of repositories) if (path.startsWith(one.root)) this.#turnedTo(one, keyOf(origin, path), nowMs)
    }
    const found = packageNameOf(path)
    if (!found) return
    const slot = found.architecture === undefined ? found.name : `${found.name}/${found.architecture}`
    const next = this.#parts.habits.asked(client, origin.host, slot, nowMs)
    if (next && next.length > 0) void this.#bringNext(origin, next)
  }

  #turnedTo(repository: Repository, key: string, nowMs: number): void {
    if (nowMs >= repository.restUntilMs && !repository.reading) void this.#read(repository)
    const having = repository.places.filter((place) => repository.contents.get(place)?.has(key))
    if (having.length > 0) this.#bring(repository, having, nowMs)
  }

  /** Finds out what the roles come to now, and brings what they have in common. Never rejects. */
  async #read(repository: Repository): Promise<void> {
    const { reader, clock, log } = this.#parts
    repository.reading = true
    const found = await Promise.all(
      repository.places.map(async (place) => {
        try {
          return [place, await reader.read(place)] as const
        } catch (thrown) {
          log.warn({ role: place.name, err: toCausewayError(thrown) }, 'a role can not be read ahead')
          return undefined
        }
      }),
    )
    const contents = new Map(found.filter((one) => one !== undefined).map(([place, role]) => [place, byKey(role)]))
    if (isNew(repository.contents, contents)) repository.brought.clear()
    repository.contents = contents
    repository.reading = false
    const nowMs = clock.now()
    repository.restUntilMs = nowMs + restMs
    this.#bring(repository, repository.places, nowMs)
  }

  /** Brings what all of some roles install, unless that was done a moment ago. */
  #bring({ contents, brought }: Repository, places: readonly RolePlace[], nowMs: number): void {
    const slot = places.length === 1 ? (places[0]?.name ?? '') : places.map(({ name }) => name).join(' ')
    if (nowMs < (brought.get(slot) ?? 0)) return
    brought.set(slot, nowMs + restMs)
    const [first, ...others] = places.map((place) => contents.get(place) ?? new Map<string, Wanted>())
    const common = [...(first?.values() ?? [])].filter(({ key }) => others.every((other) => other.has(key)))
    if (common.length > 0) this.#parts.queue.add(common, 'now')
  }

  /** Never rejects. */
  async #bringNext(origin: Origin, slots: readonly string[]): Promise<void> {
    const { newest, queue, log } = this.#parts
    const names = slots.map((slot) => {
      const [name = '', architecture] = slot.split('/')
      return { name, architecture }
    })
    try {
      const files = await newest.files(origin, names)
      if (files.length > 0) queue.add(files, 'now')
    } catch (thrown) {
      log.warn({ origin: origin.host, err: toCausewayError(thrown) }, 'what clients will want next could not be found')
    }
  }
}

const tables = new WeakMap<RoleContents, ReadonlyMap<string, Wanted>>()

/** The same table for the same contents. */
function byKey(contents: RoleContents): ReadonlyMap<string, Wanted> {
  const known = tables.get(contents)
  if (known) return known
  const table = new Map(contents.packages.map((wanted) => [wanted.key, wanted]))
  tables.set(contents, table)
  return table
}

function isNew(before: Repository['contents'], after: Repository['contents']): boolean {
  return before.size !== after.size || [...after].some(([place, table]) => before.get(place) !== table)
}
