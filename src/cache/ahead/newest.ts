import type { Clock } from '../../base/clock.ts'
import type { Wanted } from '../fill/wanted.ts'
import type { Format } from '../formats/format.ts'
import { formats } from '../formats/formats.ts'
import { keyOf, type Origin } from '../origins.ts'
import { pathOfName } from '../paths.ts'
import type { Snapshots } from '../snapshots/snapshots.ts'
import type { Catalogue, PackageIndex } from '../verify/catalogue.ts'
import type { PackageName } from './package-name.ts'
import { Slices } from './slices.ts'

/** What finding the newest versions needs of the cache. */
export interface NewestParts {
  readonly snapshots: Pick<Snapshots, 'list'>
  readonly catalogue: Pick<Catalogue, 'knows' | 'named'>
  readonly clock: Pick<Clock, 'now'>
}

/** Finds packages at their newest versions, in the indexes that are in use and known: nothing is asked for. */
export class Newest {
  readonly #parts: NewestParts

  constructor(parts: NewestParts) {
    this.#parts = parts
  }

  /**
   * The files of packages of an origin; those that no index has are left out.
   * @param cluster The pinned one whose nodes want them: by the indexes that it stays with.
   */
  async files(origin: Origin, names: readonly PackageName[], cluster?: string): Promise<Wanted[]> {
    const groups = await this.#groups(origin, cluster)
    const slices = new Slices(this.#parts.clock)
    const files: Wanted[] = []
    for (const name of names) {
      for (const { format, indexes } of groups) {
        await slices.next()
        const found = this.#newest(origin, format, indexes, name)
        if (found) files.push(found)
        if (found) break
      }
    }
    return files
  }

  /** The package lists that nodes see, by format: versions of different formats can't be compared. */
  async #groups(origin: Origin, cluster: string | undefined): Promise<{ format: Format; indexes: PackageIndex[] }[]> {
    const { snapshots, catalogue } = this.#parts
    const lists = (await snapshots.list())
      .filter((one) => one.origin.host === origin.host)
      .filter((one) => (cluster === undefined ? one.inUse : one.pinnedBy.includes(cluster)))
    return formats.flatMap((format) => {
      const indexes = lists
        .filter(({ suite }) => suite.format === format.name)
        .flatMap(({ id, suite, files }) => [
          { origin, suite, file: suite.top, sha256: id },
          ...files.map(({ path, expected }) => ({ origin, suite, file: path, sha256: expected.digest })),
        ])
        .filter((index) => format.listsPackages(index.file) && catalogue.knows(index))
      return indexes.length === 0 ? [] : [{ format, indexes }]
    })
  }

  #newest(
    origin: Origin,
    format: Format,
    indexes: readonly PackageIndex[],
    { name, architecture }: PackageName,
  ): Wanted | undefined {
    const [newest] = this.#parts.catalogue
      .named(indexes, name)
      .filter((one) => one.name === name && one.host === undefined)
      .filter((one) => architecture === undefined || one.architecture === architecture)
      .toSorted((a, b) => format.compareVersions(b.version, a.version))
    if (!newest) return undefined
    const path = pathOfName(newest.path)
    return { origin, path, key: keyOf(origin, path), kind: 'package', expected: newest.expected }
  }
}
