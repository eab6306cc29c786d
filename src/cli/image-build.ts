import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { CausewayError } from '../base/errors.ts'
import { loadControllerConfig } from '../config/controller-config.ts'
import { parseSize } from '../config/units.ts'
import { buildImage } from '../sites/images/build.ts'
import { readImageReference } from '../sites/images/image-name.ts'
import type { Manifest } from '../sites/images/manifest.ts'
import { type DebianRecipe, firmwares, packagesOfRole, type Recipe, readPackageList } from '../sites/images/recipe.ts'
import { defaultConfigFile } from './config-file.ts'
import { imageStoreOf } from './images.ts'
import { bytes } from './sizes.ts'

interface Options extends Pick<DebianRecipe, 'firmware'> {
  readonly config: string
  readonly family: Recipe['family']
  readonly release?: string
  readonly packages?: string
  readonly role?: string
  readonly size: number
  readonly kernel?: string
  readonly source: readonly string[]
  readonly repository: readonly string[]
  readonly key: readonly string[]
  readonly gpgCheck: boolean
  readonly base?: string
  readonly customize: readonly string[]
}

/** `causeway image build NAME`: makes an image out of a distribution's packages. */
export function imageBuildCommand(): Command {
  return new Command('build')
    .description('make a bootable image out of packages, under a name; needs root')
    .argument('<name>', 'what it is called', imageName)
    .addOption(new Option('--family <family>', 'of the distribution').choices(['debian', 'rpm']).default('debian'))
    .option('--release <release>', "Debian's code name (left out: bookworm), or what $releasever means, such as 9")
    .option('--packages <list>', 'what it gets besides: a file with names, or names with commas')
    .option('--role <scheduler>', "what this scheduler's nodes need is in it already: slurm or sge")
    .option('--size <size>', 'of the disk that machines see', mebibytes, 4096)
    .option('--firmware <list>', 'who can boot it: bios, uefi', firmwareList, firmwares)
    .option('--kernel <package>', "the kernel; left out: Debian's for virtual machines")
    .option('--source <source...>', "lines for apt's sources; left out: this machine's", [])
    .option('--repository <url...>', 'rpm: where its packages are; may have $releasever and $basearch', [])
    .option('--key <file...>', 'rpm: the keys that its packages are signed with', [])
    .option('--no-gpg-check', 'rpm: take packages that nobody signed')
    .option('--base <list>', 'rpm: what every machine needs, as --packages; left out: by the names of Fedora and Rocky')
    .option('--customize <program...>', 'programs to call with the root folder in the end', [])
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async (name: string, options: Options) => {
      const recipe = await recipeOf(options)
      tell(name, await buildImage(imageStoreOf(await loadControllerConfig(options.config)), name, recipe))
    })
}

/** What a command line asks for. @throws CausewayError `InvalidRequest` for options of another family */
async function recipeOf(options: Options): Promise<Recipe> {
  const { family, release, firmware, size, kernel = null, source, repository, key, gpgCheck, base } = options
  const ofRpm = repository.length > 0 || key.length > 0 || !gpgCheck || base !== undefined
  if (family === 'debian' && ofRpm) {
    throw new CausewayError('InvalidRequest', '--repository, --key, --no-gpg-check and --base need --family rpm')
  }
  if (family === 'rpm' && (source.length > 0 || options.role !== undefined || release === undefined)) {
    throw new CausewayError(
      'InvalidRequest',
      'family rpm needs --release, takes --repository instead of --source, and packages by name (--packages) instead of --role',
    )
  }
  const packages = [...(options.role === undefined ? [] : await packagesOfRole(options.role))]
  if (options.packages !== undefined) packages.push(...(await packagesGiven(options.packages)))
  const common = {
    packages: [...new Set(packages)].toSorted(),
    kernel,
    sizeMiB: size,
    firmware,
    customize: options.customize.map((program) => resolve(program)),
  }
  if (family === 'debian') return { family, release: release ?? 'bookworm', ...common, sources: source }
  return {
    family,
    release: release ?? '',
    ...common,
    repositories: repository,
    keys: key.map((file) => resolve(file)),
    gpgCheck,
    base: base === undefined ? null : await packagesGiven(base),
  }
}

/** `causeway image add NAME FILE`: takes in an image that was made elsewhere. */
export function imageAddCommand(): Command {
  return new Command('add')
    .description("take in a qcow2 file that was made elsewhere, such as a distribution's cloud image")
    .argument('<name>', 'what it is called', imageName)
    .argument('<file>', 'the qcow2 file; it is copied')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async (name: string, file: string, { config }: { config: string }) => {
      tell(name, await imageStoreOf(await loadControllerConfig(config)).add(resolve(file), name, null))
    })
}

function tell(name: string, { digest, bytes: size, virtualBytes }: Manifest): void {
  process.stdout.write(`${name}: sha256:${digest}, ${bytes(size)}, a disk of ${bytes(virtualBytes)}\n`)
}

/** A file with names, or the names themselves. */
async function packagesGiven(given: string): Promise<readonly string[]> {
  try {
    return readPackageList(await readFile(given, 'utf8'))
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' && !given.includes('/')) return readPackageList(given)
    throw new CausewayError('InvalidRequest', `the list of packages can't be read: ${message}`, { cause })
  }
}

function imageName(text: string): string {
  if (readImageReference(text).kind === 'name') return text
  throw new InvalidArgumentError('expected a name such as stock or slurm-golden')
}

function firmwareList(text: string): Recipe['firmware'] {
  const names = text.split(',')
  const known = firmwares.filter((name) => names.includes(name))
  if (known.length === names.length) return known
  throw new InvalidArgumentError(`expected ${firmwares.join(', ')} or both with a comma`)
}

function mebibytes(text: string): number {
  // QEMU's own way to write it, besides ours.
  const size = parseSize(text.replace(/^(\d+)([MGT])$/, '$1$2iB'))
  return Math.ceil(size / 1024 ** 2)
}
