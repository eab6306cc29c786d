import { CausewayError, type ErrorCode, toCausewayError } from '../../base/errors.ts'
import type { Wanted } from '../fill/wanted.ts'
import type { Snapshots } from '../snapshots/snapshots.ts'
import type { AheadQueue, Progress, When } from './queue.ts'
import type { RolePlace } from './role-place.ts'
import type { RoleContents, RoleReader } from './role-reader.ts'

/** What is to be brought. */
export interface WarmWish {
  /** Roles by name; none: all, if no packages are named either. */
  readonly roles: readonly string[]
  /** Packages besides, from the repositories of these roles (of all, if none is named), with what they depend on. */
  readonly packages: readonly string[]
}

/** How far it is. */
export interface WarmProgress {
  /** `indexes`: finding out which files they are. */
  readonly stage: 'indexes' | 'files'
  readonly files: number
  readonly ofFiles: number
  readonly bytes: number
  readonly ofBytes: number
}

/** Something that could not be brought, and why. */
export interface Lacking {
  /** The URL of a file, the name of a package, or the name of a role. */
  readonly what: string
  readonly code: ErrorCode
  readonly message: string
}

/** What came of it. */
export interface Warmed {
  readonly roles: readonly string[]
  /** Files that are there now. */
  readonly files: number
  readonly bytes: number
  /** Of these bytes, what was fetched for it. */
  readonly fetchedBytes: number
  readonly lacking: readonly Lacking[]
}

export interface WarmerParts {
  readonly reader: Pick<RoleReader, 'read'>
  readonly queue: AheadQueue
  readonly snapshots: Pick<Snapshots, 'viewers'>
}

/** Brings what roles install before anybody asks for it: for pinned clusters as of the snapshots that they stay with. */
export class Warmer {
  readonly #places: ReadonlyMap<string, RolePlace>
  readonly #parts: WarmerParts

  constructor(places: ReadonlyMap<string, RolePlace>, parts: WarmerParts) {
    this.#places = places
    this.#parts = parts
  }

  /**
   * Brings what is wished for; resolves when all of it is there or named as lacking.
   * @throws CausewayError `InvalidRequest` for a role that the configuration does not have, before anything is done
   */
  async warm(
    wish: WarmWish,
    when: When = 'later',
    tell: (progress: WarmProgress) => void = () => undefined,
  ): Promise<Warmed> {
    const places = this.#placesOf(wish)
    const lacking: Lacking[] = []
    tell({ stage: 'indexes', files: 0, ofFiles: 0, bytes: 0, ofBytes: 0 })
    const viewers = this.#parts.snapshots.viewers()
    const reading = places.flatMap((place) => viewers.map((cluster) => this.#contents(place, cluster, wish, lacking)))
    const found = (await Promise.all(reading)).flat()
    lacking.push(...missingOf(found))
    const batch = this.#parts.queue.add(filesOf(found), when)
    const unwatch = batch.watch((progress) => tell(progressOf(progress)))
    tell(progressOf(batch.progress))
    const { files, bytes, fetchedBytes, failed } = await batch.done
    unwatch()
    for (const { key, error } of failed) lacking.push({ what: key, code: error.code, message: error.message })
    const roles = places.map(({ name }) => name)
    return { roles, files: files - failed.length, bytes, fetchedBytes, lacking }
  }

  /** @throws CausewayError `InvalidRequest` */
  check(wish: WarmWish): void {
    this.#placesOf(wish)
  }

  #placesOf({ roles }: WarmWish): RolePlace[] {
    if (roles.length === 0) return [...this.#places.values()]
    return [...new Set(roles)].map((name) => {
      const place = this.#places.get(name)
      if (place) return place
      const known = [...this.#places.keys()].join(', ') || 'none'
      throw new CausewayError('InvalidRequest', `there is no role ${name}; the configuration has: ${known}`)
    })
  }

  async #contents(
    place: RolePlace,
    cluster: string | undefined,
    { roles, packages }: WarmWish,
    lacking: Lacking[],
  ): Promise<Found[]> {
    const { reader } = this.#parts
    const own = roles.length > 0 || packages.length === 0
    const seenBy = { cluster, toCome: true }
    try {
      return await Promise.all([
        ...(own ? [reader.read(place, seenBy).then((contents) => ({ contents, extra: false }))] : []),
        ...(packages.length > 0
          ? [reader.read(place, { ...seenBy, names: packages }).then((contents) => ({ contents, extra: true }))]
          : []),
      ])
    } catch (thrown) {
      const { code, message } = toCausewayError(thrown)
      if (!lacking.some(({ what }) => what === place.name)) lacking.push({ what: place.name, code, message })
      return []
    }
  }
}

interface Found {
  readonly contents: RoleContents
  /** Of packages that were named by themselves. */
  readonly extra: boolean
}

/** Each file once, in the order found. */
function filesOf(found: readonly Found[]): Wanted[] {
  const all = found.flatMap(({ contents }) => [...contents.packages, ...contents.files])
  return [...new Map(all.map((wanted) => [wanted.key, wanted])).values()]
}

/** What no index has. A package that was named by itself lacks only where it does in every repository. */
function missingOf(found: readonly Found[]): Lacking[] {
  const extras = found.filter(({ extra }) => extra)
  const lacking = new Map<string, Lacking>()
  for (const { contents, extra } of found) {
    for (const { name, neededBy } of contents.missing) {
      if (extra && neededBy === undefined && !extras.every((other) => lacks(other.contents, name))) continue
      const message = neededBy === undefined ? 'no index has it' : `no index has it; ${neededBy} needs it`
      lacking.set(name, { what: name, code: 'NotFound', message })
    }
  }
  return [...lacking.values()]
}

function lacks({ missing }: RoleContents, name: string): boolean {
  return missing.some((one) => one.name === name && one.neededBy === undefined)
}

function progressOf({ files, ofFiles, bytes, ofBytes }: Progress): WarmProgress {
  return { stage: 'files', files, ofFiles, bytes, ofBytes }
}
