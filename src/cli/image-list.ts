import { Command } from 'commander'
import { CausewayError, toCausewayError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { loadControllerConfig } from '../config/controller-config.ts'
import { HostImages } from '../sites/images/host-images.ts'
import { shortDigest } from '../sites/images/image-name.ts'
import type { StoredImage } from '../sites/images/image-store.ts'
import { defaultConfigFile } from './config-file.ts'
import { hostOf, withGatewayHosts } from './gateway-hosts.ts'
import { type ImageConfig, imageHosts, imageStoreOf } from './images.ts'
import { print } from './query.ts'
import { bytes } from './sizes.ts'
import { table } from './table.ts'

/** The images of the head and of all hosts. */
export interface ImageReport {
  readonly images: readonly StoredImage[]
  readonly hosts: readonly HostReport[]
}

interface HostReport {
  readonly name: string
  /** Digests. */
  readonly has: readonly string[]
  /** Why it could not be asked. */
  readonly trouble: string | null
}

interface Options {
  readonly config: string
  readonly json?: boolean
}

/** `causeway image list` */
export function imageListCommand(): Command {
  return new Command('list')
    .description('show the images of the head, and which hosts have them')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .option('--json', 'print them as JSON')
    .action(async ({ config: file, json = false }: Options) => {
      const config = await loadControllerConfig(file)
      print(json, await withGatewayHosts(config, (hosts) => imageReport(config, hosts)), showImages)
    })
}

/** `causeway image show IMAGE` */
export function imageShowCommand(): Command {
  return new Command('show')
    .description('show an image: sizes, how it was made, what is in it, which hosts have it')
    .argument('<image>', 'a name, or sha256:HEX')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .option('--json', 'print it as JSON')
    .action(async (image: string, { config: file, json = false }: Options) => {
      const config = await loadControllerConfig(file)
      await withGatewayHosts(config, async (hosts) => {
        const report = await imageReport(config, hosts)
        const digest = await imageStoreOf(config).resolve(image)
        const stored = report.images.find((one) => one.digest === digest)
        if (!stored) throw new CausewayError('ImageMissing', `the head does not have ${image}`)
        const at = report.hosts.filter(({ has }) => has.includes(digest)).map(({ name }) => name)
        print(json, { ...stored, hosts: at }, showImage)
      })
    })
}

async function imageReport(config: ImageConfig, hosts: ReadonlyMap<string, Host>): Promise<ImageReport> {
  const ask = async ({ name }: { readonly name: string }): Promise<HostReport> => {
    try {
      const has = (await new HostImages(hostOf(hosts, name)).list()).map(({ digest }) => digest)
      return { name, has, trouble: null }
    } catch (thrown) {
      return { name, has: [], trouble: toCausewayError(thrown).message }
    }
  }
  return { images: await imageStoreOf(config).list(), hosts: await Promise.all(imageHosts(config).map(ask)) }
}

/** The images as a table, and what could not be read. */
export function showImages({ images, hosts }: ImageReport): string {
  const rows = images.map(({ digest, names, bytes: size, virtualBytes, addedAtMs }) => [
    names.join(', ') || '-',
    shortDigest(digest),
    bytes(size),
    bytes(virtualBytes),
    new Date(addedAtMs).toISOString().slice(0, 16),
    hostsWith(hosts, digest),
  ])
  const known = new Set(images.map(({ digest }) => digest))
  const foreign = [...new Set(hosts.flatMap(({ has }) => has))].filter((digest) => !known.has(digest))
  return [
    table(['NAMES', 'SHA-256', 'SIZE', 'DISK', 'SINCE', 'HOSTS'], rows),
    ...foreign.map((digest) => `! the head does not have ${shortDigest(digest)}: ${hostsWith(hosts, digest)}`),
    ...hosts.flatMap(({ name, trouble }) => (trouble === null ? [] : [`! ${name} can't be asked: ${trouble}`])),
  ].join('\n')
}

function hostsWith(hosts: readonly HostReport[], digest: string): string {
  const names = hosts.filter(({ has }) => has.includes(digest)).map(({ name }) => name)
  return names.join(', ') || '-'
}

/** All that is known of an image. */
export function showImage(image: StoredImage & { readonly hosts: readonly string[] }): string {
  const { digest, names, bytes: size, virtualBytes, addedAtMs, built, hosts } = image
  return [
    `sha256:${digest}`,
    `names     ${names.join(', ') || '-'}`,
    `file      ${bytes(size)}, a disk of ${bytes(virtualBytes)}`,
    `since     ${new Date(addedAtMs).toISOString()}`,
    `hosts     ${hosts.join(', ') || '-'}`,
    ...(built ? [`recipe    ${JSON.stringify(built.recipe)}`, 'packages'] : ['made elsewhere']),
    ...Object.entries(built?.packages ?? {}).map(([name, version]) => `  ${name} ${version}`),
  ].join('\n')
}
