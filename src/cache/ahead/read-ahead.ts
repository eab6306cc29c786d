import type { Clock } from '../../base/clock.ts'
import { toCausewayError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Wanted } from '../fill/wanted.ts'
import { keyOf, type Origin } from '../origins.ts'
import type { Snapshots } from '../snapshots/snapshots.ts'
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
  readonly snapshots: Pick<Snapshots, 'viewerOf'>
  readonly clock: Clock
  readonly log: Logger
}

/** The roles of one repository. */
interface Repository {
  readonly root: string
  readonly places: readonly RolePlace[]
  /** What is known of it, by the pinned cluster whose nodes see it so; undefined: as it is now. */
  readonly views: Map<string | undefined, View>
}

/** What the roles of a repository come to for those who see the same indexes. */
interface View {
  readonly cluster: string | undefined
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
      const fresh = { root, places, views: new Map() }
      if (at === -1) there.push(fresh)
      else there[at] = fresh
      this.#repositories.set(origin.host, there)
    }
  }

  /** A client asks for a file. Returns at once, whatever comes of it. */
  noticed(client: string, origin: Origin, path: string): void {
    const { clock, snapshots, habits } = this.#parts
    const nowMs = clock.now()
    const repositories = this.#repositories.get(origin.host)
    if (repositories) {
      for (const one of repositories) {
        if (path.startsWith(one.root)) this.#turnedTo(one, snapshots.viewerOf(client), keyOf(origin, path), nowMs)
      }
    }
    const found = packageNameOf(path)
    if (!found) return
    const slot = found.architecture === undefined ? found.name : `${found.name}/${found.architecture}`
    const next = habits.asked(client, origin.host, slot, nowMs)
    if (next && next.length > 0) void this.#bringNext(origin, next, snapshots.viewerOf(client))
  }

  #turnedTo({ places, views }: Repository, cluster: string | undefined, key: string, nowMs: number): void {
    let view = views.get(cluster)
    if (!view) {
      view = { cluster, contents: new Map(), restUntilMs: 0, reading: false, brought: new Map() }
      views.set(cluster, view)
    }
    if (nowMs >= view.restUntilMs && !view.reading) void this.#read(places, view)
    const { contents } = view
    const having = places.filter((place) => contents.get(place)?.has(key))
    if (having.length > 0) this.#bring(view, having, nowMs)
  }

  /** Finds out what the roles come to now, and brings what they have in common. Never rejects. */
  async #read(places: readonly RolePlace[], view: View): Promise<void> {
    const { reader, clock, log } = this.#parts
    const { cluster } = view
    view.reading = true
    const found = await Promise.all(
      places.map(async (place) => {
        try {
          return [place, await reader.read(place, { cluster })] as const
        } catch (thrown) {
          log.warn({ role: place.name, err: toCausewayError(thrown) }, 'a role can not be read ahead')
          return undefined
        }
      }),
    )
    const contents = new Map(found.filter((one) => one !== undefined).map(([place, role]) => [place, byKey(role)]))
    if (isNew(view.contents, contents)) view.brought.clear()
    view.contents = contents
    view.reading = false
    const nowMs = clock.now()
    view.restUntilMs = nowMs + restMs
    this.#bring(view, places, nowMs)
  }

  /** Brings what all of some roles install, unless that was done a moment ago. */
  #bring({ contents, brought }: View, places: readonly RolePlace[], nowMs: number): void {
    const slot = places.map(({ name }) => name).join(' ')
    if (nowMs < (brought.get(slot) ?? 0)) return
    brought.set(slot, nowMs + restMs)
    const [first, ...others] = places.map((place) => contents.get(place) ?? new Map<string, Wanted>())
    const common = [...(first?.values() ?? [])].filter(({ key }) => others.every((other) => other.has(key)))
    if (common.length > 0) this.#parts.queue.add(common, 'now')
  }

  /** Never rejects. */
  async #bringNext(origin: Origin, slots: readonly string[], cluster: string | undefined): Promise<void> {
    const { newest, queue, log } = this.#parts
    const names = slots.map((slot) => {
      const [name = '', architecture] = slot.split('/')
      return { name, architecture }
    })
    try {
      const files = await newest.files(origin, names, cluster)
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

function isNew(before: View['contents'], after: View['contents']): boolean {
  return before.size !== after.size || [...after].some(([place, table]) => before.get(place) !== table)
}
