import { Command, InvalidArgumentError } from 'commander'
import { toCausewayError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { loadControllerConfig } from '../config/controller-config.ts'
import { planGc } from '../sites/images/gc-plan.ts'
import { HostImages } from '../sites/images/host-images.ts'
import { shortDigest } from '../sites/images/image-name.ts'
import { defaultConfigFile } from './config-file.ts'
import { hostOf, withGatewayHosts } from './gateway-hosts.ts'
import { configuredDigests, type ImageConfig, imageHosts, imageStoreOf } from './images.ts'

/** What was made or asked for within this time stays, ms. */
const youngMs = 3_600_000

/** What became of an image at a place. */
export interface Swept {
  /** `head`, or a host. */
  readonly at: string
  readonly digest: string
  /** Null: it is gone (or would go). */
  readonly stays: string | null
}

interface Options {
  readonly config: string
  readonly keep: number
  readonly dryRun?: boolean
}

/** `causeway image gc`: removes images that nobody needs, on the head and on all hosts. */
export function imageGcCommand(): Command {
  return new Command('gc')
    .description(
      'remove images that neither the configuration names nor a machine uses and that are older than an hour',
    )
    .option('--keep <n>', 'how many of the newest of each name stay on the head', wholeNumber, 2)
    .option('--dry-run', 'only say what would go')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async ({ config: file, keep, dryRun = false }: Options) => {
      const config = await loadControllerConfig(file)
      await withGatewayHosts(config, async (hosts) => {
        const { swept, unread } = await collectGarbage(config, hosts, { keep, dryRun })
        const word = dryRun ? 'would go' : 'gone'
        for (const { at, digest, stays } of swept) {
          process.stdout.write(`${at}: ${shortDigest(digest)} ${stays === null ? word : `stays: ${stays}`}\n`)
        }
        for (const { host, message } of unread) {
          process.stderr.write(`${host} can't be read (${message}): nothing is removed on the head meanwhile\n`)
        }
        if (unread.length > 0) process.exitCode = 1
      })
    })
}

/** Removes what nobody needs, or says what it would. What a host that can't be read uses is not known: the head then keeps all. */
export async function collectGarbage(
  config: ImageConfig,
  hosts: ReadonlyMap<string, Host>,
  { keep, dryRun }: { readonly keep: number; readonly dryRun: boolean },
  at: (host: Host) => HostImages = (host) => new HostImages(host),
) {
  const store = imageStoreOf(config)
  const configured = await configuredDigests(config, store)
  const used = new Set<string>()
  const swept: Swept[] = []
  const unread: { readonly host: string; readonly message: string }[] = []
  const sweepHost = async (name: string) => {
    const images = at(hostOf(hosts, name))
    for (const { digest, machines } of await images.list()) {
      if (machines > 0) used.add(digest)
      const known = configured.has(digest) ? 'the configuration names it' : machines > 0 ? 'a machine uses it' : null
      swept.push({ at: name, digest, stays: known ?? (await images.remove(digest, youngMs, { look: dryRun })).why })
    }
  }
  await Promise.all(
    imageHosts(config).map(({ name }) =>
      sweepHost(name).catch((thrown: unknown) => unread.push({ host: name, message: toCausewayError(thrown).message })),
    ),
  )
  if (unread.length > 0) return { swept, unread }
  const verdicts = planGc(await store.list(), { configured, used, keep, ageMs: youngMs }, Date.now())
  for (const { digest, stays } of verdicts) {
    if (stays === null && !dryRun) await store.remove(digest)
    swept.push({ at: 'head', digest, stays })
  }
  if (!dryRun) await store.sweep(24 * youngMs)
  return { swept, unread }
}

function wholeNumber(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('expected a whole number')
}
