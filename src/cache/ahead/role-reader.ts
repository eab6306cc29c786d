import type { Clock } from '../../base/clock.ts'
import { CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Wanted } from '../fill/wanted.ts'
import type { Format, Package, Suite } from '../formats/format.ts'
import { formatOf, formats } from '../formats/formats.ts'
import { kindOf } from '../formats/kinds.ts'
import { keyOf, type Origin } from '../origins.ts'
import { canonicalPath, pathOfName } from '../paths.ts'
import type { SeenBy, Snapshots } from '../snapshots/snapshots.ts'
import type { Catalogue, PackageIndex } from '../verify/catalogue.ts'
import { type Resolved, resolve } from './resolve.ts'
import { packageLists, type RolePlace, suitesOf } from './role-place.ts'
import { Slices } from './slices.ts'

/** What reading roles needs of the cache. */
export interface RoleReaderParts {
  readonly snapshots: Pick<Snapshots, 'current' | 'index'>
  readonly catalogue: Pick<Catalogue, 'named' | 'expected'>
  readonly origins: ReadonlyMap<string, Origin>
  readonly clock: Pick<Clock, 'now'>
}

/** What a role comes to with the indexes as they are now. The same object as long as they are the same. */
export interface RoleContents {
  /** In the order of need. */
  readonly packages: readonly Wanted[]
  /** Single files, such as images. */
  readonly files: readonly Wanted[]
  /** What no index has, and who needs it. */
  readonly missing: Resolved['missing']
}

/** What is wanted of a role. */
export interface RoleWish extends SeenBy {
  readonly names?: readonly string[] | undefined
}

/** Finds out which files roles install: from their names by way of the indexes, which are brought for it. */
export class RoleReader {
  readonly #parts: RoleReaderParts
  /** What was found last for each role and cluster, and by which indexes. */
  readonly #found = new Map<string, { readonly stamp: string; readonly contents: Promise<RoleContents> }>()

  constructor(parts: RoleReaderParts) {
    this.#parts = parts
  }

  /**
   * The files of a role.
   * @param wish For whom, and `names`: packages wanted in place of the role's own; its files are then left out, too.
   * @throws CausewayError when its indexes can't be had, with the code of the failure
   */
  async read(place: RolePlace, { names, ...seenBy }: RoleWish = {}): Promise<RoleContents> {
    const packages = names ?? place.role.packages
    const lists = packages.length === 0 ? [] : await this.#lists(place, seenBy)
    if (names) return this.#contents(place, names, lists, [])
    const stamp = lists.map(({ index }) => index.sha256).join(' ')
    const slot = `${place.name} ${seenBy.cluster ?? ''}`
    const known = this.#found.get(slot)
    if (known?.stamp === stamp) return known.contents
    const found = { stamp, contents: this.#contents(place, packages, lists, place.role.files) }
    this.#found.set(slot, found)
    found.contents.catch(() => {
      if (this.#found.get(slot) === found) this.#found.delete(slot)
    })
    return found.contents
  }

  async #contents(
    place: RolePlace,
    names: readonly string[],
    lists: readonly List[],
    files: readonly string[],
  ): Promise<RoleContents> {
    const { packages, missing } = await this.#resolve(place, names, lists)
    return {
      packages: packages.flatMap((one) => this.#wantedPackage(place, one)),
      files: files.map((file) => this.#wantedFile(place, file)),
      missing,
    }
  }

  async #resolve({ role }: RolePlace, names: readonly string[], lists: readonly List[]): Promise<Resolved> {
    const { catalogue, clock } = this.#parts
    const [first] = lists
    if (!first) return { packages: [], missing: names.map((name) => ({ name, neededBy: undefined })) }
    const indexes = lists.map(({ index }) => index)
    const { installed, recommends } = role
    const compareVersions = (a: string, b: string) => first.format.compareVersions(a, b)
    const wish = { names, installed, recommends, compareVersions }
    return resolve(wish, (name) => catalogue.named(indexes, name), new Slices(clock))
  }

  /** The package lists of all suites of a role, brought and read. */
  async #lists(place: RolePlace, seenBy: SeenBy): Promise<readonly List[]> {
    const groups = suitesOf(place, formats)
    const lists = await Promise.all(groups.map((group) => this.#listsOfFirst(place, group, seenBy)))
    return lists.flat()
  }

  /** Of the first suite that there is. */
  async #listsOfFirst(place: RolePlace, group: readonly Suite[], seenBy: SeenBy): Promise<readonly List[]> {
    let failure: CausewayError | undefined
    for (const suite of group) {
      try {
        return await this.#listsOf(place, suite, seenBy)
      } catch (thrown) {
        failure ??= toCausewayError(thrown)
      }
    }
    throw failure ?? new CausewayError('NotFound', `${place.role.repository} is no repository of a known format`)
  }

  async #listsOf(place: RolePlace, suite: Suite, seenBy: SeenBy): Promise<readonly List[]> {
    const { snapshots } = this.#parts
    const format = formatOf(suite)
    const snapshot = await snapshots.current(place.origin, suite, seenBy)
    // Where the top index is the only one, it lists the packages itself.
    const paths = [suite.top, ...snapshot.files.map(({ path }) => path)]
    const lists = packageLists(place, format, paths).map(async (path) => ({
      format,
      index: await snapshots.index(snapshot, path),
    }))
    return Promise.all(lists)
  }

  /** Nothing for a package at a host that the cache may not ask. */
  #wantedPackage({ origin: own }: RolePlace, { host, path: name, expected }: Package): Wanted[] {
    const origin = host === undefined ? own : this.#parts.origins.get(host)
    if (!origin) return []
    const path = pathOfName(name)
    return [{ origin, path, key: keyOf(origin, path), kind: 'package', expected }]
  }

  #wantedFile({ origin, root }: RolePlace, file: string): Wanted {
    const path = canonicalPath(`${root}${file}`)
    const expected = this.#parts.catalogue.expected(origin, path)
    return { origin, path, key: keyOf(origin, path), kind: kindOf(origin, path), expected }
  }
}

interface List {
  readonly format: Format
  readonly index: PackageIndex
}
