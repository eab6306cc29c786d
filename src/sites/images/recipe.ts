import { CausewayError } from '../../base/errors.ts'
import { readPackageFile } from '../../base/package-file.ts'

/** Firmware that an image can boot under. */
export const firmwares = ['bios', 'uefi'] as const

/** What an image is made of. */
export type Recipe = DebianRecipe | RpmRecipe

interface AnyRecipe {
  /** Debian's code name, such as `bookworm`, or an RPM distribution's `$releasever`, such as `9`. */
  readonly release: string
  /** Besides what a machine needs to boot and to read its seed. */
  readonly packages: readonly string[]
  /** The kernel's package; null: the family's usual one. */
  readonly kernel: string | null
  readonly sizeMiB: number
  readonly firmware: readonly (typeof firmwares)[number][]
  /** Programs that are called with the root folder in the end. */
  readonly customize: readonly string[]
}

export interface DebianRecipe extends AnyRecipe {
  readonly family: 'debian'
  /** Lines of apt's sources; none: those that this machine has of the release. */
  readonly sources: readonly string[]
}

interface RpmRecipe extends AnyRecipe {
  readonly family: 'rpm'
  /** URLs of folders with `repodata/`; they may have `$releasever` and `$basearch`. */
  readonly repositories: readonly string[]
  /** Files with the keys that packages are signed with. */
  readonly keys: readonly string[]
  /** Whether packages must be signed with one of these. */
  readonly gpgCheck: boolean
  /** What a machine needs to boot and to read its seed; null: the packages of Fedora and Rocky that do it. */
  readonly base: readonly string[] | null
}

/**
 * The packages that the nodes of a scheduler install: those that its role (`scripts/SCHEDULER/role`) names. An image that has
 * them installs nothing at its first boot.
 * @throws CausewayError `InvalidRequest` for a role that names none
 */
export async function packagesOfRole(role: string): Promise<readonly string[]> {
  if (role === 'slurm' || role === 'sge') {
    const [, list] = /^packages=\(([^)]*)\)$/m.exec(await readPackageFile(`scripts/${role}/role`)) ?? []
    if (list !== undefined) return readPackageList(list)
  }
  throw new CausewayError(
    'InvalidRequest',
    `no packages are known for role ${role}, only for slurm and sge: name yours with --packages`,
  )
}

/** Names of packages out of a text: divided by blanks, commas or lines, `#` begins a comment. */
export function readPackageList(text: string): readonly string[] {
  return text
    .split('\n')
    .flatMap((line) => line.replace(/#.*/, '').split(/[\s,]+/))
    .filter((name) => name !== '')
}

/** What the family's builder, `scripts/image/build-FAMILY`, reads. What the recipe leaves open it decides. */
export function builderInput({ family: _family, ...recipe }: Recipe): string {
  const given = Object.entries(recipe).filter(
    ([name, value]) => value !== null && !(name === 'sources' && Array.isArray(value) && value.length === 0),
  )
  return JSON.stringify(Object.fromEntries(given))
}
