import { CausewayError } from '../../base/errors.ts'
import { readPackageFile } from '../../base/package-file.ts'

/** Firmware that an image can boot under. */
export const firmwares = ['bios', 'uefi'] as const

/** What an image is made of. */
export interface Recipe {
  /** Debian's code name, such as `bookworm`. */
  readonly release: string
  /** Besides what a machine needs to boot and to read its seed. */
  readonly packages: readonly string[]
  /** The kernel's package; null: the usual one for virtual machines. */
  readonly kernel: string | null
  readonly sizeMiB: number
  readonly firmware: readonly (typeof firmwares)[number][]
  /** Lines of apt's sources; none: those that this machine has of the release. */
  readonly sources: readonly string[]
  /** Programs that are called with the root folder in the end. */
  readonly customize: readonly string[]
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

/** What `scripts/image/build-debian` reads. */
export function builderInput({ kernel, sources, ...rest }: Recipe): string {
  return JSON.stringify({
    ...rest,
    ...(kernel === null ? {} : { kernel }),
    ...(sources.length === 0 ? {} : { sources }),
  })
}
