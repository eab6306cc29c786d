import { CausewayError } from '../../base/errors.ts'
import type { Format, Suite } from '../formats/format.ts'
import type { Origin } from '../origins.ts'
import { canonicalPath } from '../paths.ts'
import type { CacheSettings } from '../settings.ts'

/** A role as the configuration describes it. */
export type Role = CacheSettings['roles'][string]

/** A role, and where its repository is. */
export interface RolePlace {
  readonly name: string
  readonly role: Role
  readonly origin: Origin
  /** Path of the repository's root, with a `/` at the end. */
  readonly root: string
}

/**
 * The places of all roles.
 * @throws CausewayError `InvalidConfig` for a repository that is no URL, or whose host is none of the origins
 */
export function rolePlaces(
  roles: CacheSettings['roles'],
  origins: ReadonlyMap<string, Origin>,
): ReadonlyMap<string, RolePlace> {
  const places = new Map<string, RolePlace>()
  for (const [name, role] of Object.entries(roles)) {
    const url = URL.parse(role.repository)
    const origin = url && origins.get(url.hostname)
    if (!origin) {
      const wrong = url ? `${url.hostname} is none of the origins; add it to them` : `${role.repository} is no URL`
      const facts = { role: name, repository: role.repository }
      throw new CausewayError('InvalidConfig', `roles.${name}.repository: ${wrong}`, { facts })
    }
    places.set(name, { name, role, origin, root: canonicalPath(`${url.pathname}/`) })
  }
  return places
}

/**
 * The suites that a role may install from: each group is needed, and of a group the first that the repository has. Where
 * the configuration names no suites, the repository is its own suite, in a format that only its files tell.
 */
export function suitesOf({ role, root }: RolePlace, formats: readonly Format[]): readonly (readonly Suite[])[] {
  const at = (path: string) => formats.flatMap((format) => format.suiteOf(`${root}${path}`) ?? [])
  if (role.suites.length > 0) return role.suites.map((suite) => at(`dists/${suite}/InRelease`).slice(0, 1))
  if (role.packages.length === 0) return []
  // Arch's repositories are called as the folder two above: core/os/x86_64.
  const arch = /\/([^/]+)\/os\/[^/]+\/$/.exec(root)?.[1]
  const alpine = role.architectures.map((architecture) => at(`${alpineName(architecture)}/APKINDEX.tar.gz`))
  return [[...at('repodata/repomd.xml'), ...alpine.flat(), ...(arch === undefined ? [] : at(`${arch}.db`))]]
}

/** Alpine's word for an architecture that other distributions call as Debian does. */
function alpineName(architecture: string): string {
  return { amd64: 'x86_64', arm64: 'aarch64' }[architecture] ?? architecture
}

/** Endings in the order in which clients prefer them. */
const packings: readonly string[] = ['.xz', '.zst', '.bz2', '.gz', '', '.zck']

/**
 * Which indexes of a suite list the packages that a role may install: each list once, packed as nodes will ask for it.
 * @param paths All indexes of the suite.
 */
export function packageLists({ role }: RolePlace, format: Format, paths: Iterable<string>): readonly string[] {
  const chosen = new Map<string, string>()
  for (const path of paths) {
    if (!format.listsPackages(path) || !isFor(role, format, path)) continue
    const ending = endingOf(path)
    const list = path.slice(0, path.length - ending.length)
    const before = chosen.get(list)
    if (before === undefined || rank(path) < rank(before)) chosen.set(list, path)
  }
  return [...chosen.values()]
}

function endingOf(path: string): string {
  return packings.find((ending) => ending !== '' && path.endsWith(ending)) ?? ''
}

function rank(path: string): number {
  return packings.indexOf(endingOf(path))
}

/**
 * Debian has a list for each component and architecture (`all` is in each of them: clients don't ask for its own); elsewhere
 * a repository is one of each.
 */
function isFor({ components, architectures }: Role, format: Format, path: string): boolean {
  if (format.name !== 'debian') return true
  return components.some((component) =>
    architectures.some((architecture) => path.includes(`/${component}/binary-${architecture}/`)),
  )
}
