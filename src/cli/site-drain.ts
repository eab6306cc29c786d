import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { loadControllerConfig } from '../config/controller-config.ts'
import type { SiteReport } from '../elastic/site-keeper.ts'
import type { NodeReport } from '../hooks/reports.ts'
import { askController } from './api-client.ts'
import { defaultConfigFile } from './config-file.ts'
import { print } from './query.ts'
import { showSites } from './site-list.ts'

/** How often `--wait` looks, ms. */
const lookMs = 2000

interface Options {
  readonly config: string
  readonly host?: string
  readonly reason?: string
  readonly wait?: boolean
  readonly json?: boolean
}

/** `causeway site drain SITE`: takes a site, or a host of its pool, out of use. */
export function siteDrainCommand(): Command {
  return aboutSite('drain', 'take a site, or a host of it, out of use: its nodes go when their jobs have ended')
    .option('--reason <text>', 'why; users see it where it keeps their jobs waiting')
    .option('--wait', 'return when no node is left there')
    .action(async (site: string, options: Options) => {
      const { host, reason } = options
      const body = { ...(host === undefined ? {} : { host }), ...(reason === undefined ? {} : { reason }) }
      const report = await tell(site, 'drain', body, options)
      // The nodes of a site's only host carry no host.
      if (options.wait) await untilEmpty(site, report.hosts.length === 1 ? { config: options.config } : options)
      else printReport(report, options)
    })
}

/** `causeway site undrain SITE`: takes a drain back. */
export function siteUndrainCommand(): Command {
  return aboutSite('undrain', 'take a drain back: the site, or the host of it, takes nodes again').action(
    async (site: string, options: Options) => {
      const body = options.host === undefined ? {} : { host: options.host }
      printReport(await tell(site, 'undrain', body, options), options)
    },
  )
}

function aboutSite(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<site>')
    .option('--host <host>', 'only this host of its pool')
    .option('--config <file>', "the controller's configuration file", defaultConfigFile())
    .option('--json', 'print the answer as JSON')
}

async function tell(site: string, what: 'drain' | 'undrain', body: object, { config }: Options): Promise<SiteReport> {
  const { controller } = await loadControllerConfig(config)
  return askController(controller.socket, `/v1/sites/${encodeURIComponent(site)}/${what}`, 'POST', body)
}

function printReport(report: SiteReport, { json }: Options): void {
  print(json === true, report, (one) => showSites([one], Date.now()))
}

/** Says how many nodes are left each time that their number changes. */
async function untilEmpty(site: string, { config, host }: Pick<Options, 'config' | 'host'>): Promise<void> {
  const { controller } = await loadControllerConfig(config)
  const where = host === undefined ? `site ${site}` : `host ${host} of ${site}`
  for (let before = -1; before !== 0; ) {
    const nodes = await askController<NodeReport[]>(controller.socket, '/v1/nodes')
    const left = nodes.filter((node) => node.site === site && (host === undefined || node.host === host))
    if (left.length !== before) process.stdout.write(`${leftText(where, left)}\n`)
    before = left.length
    if (before > 0) await sleep(lookMs)
  }
}

/** What is left at a place that is being emptied, in a line. */
export function leftText(where: string, nodes: readonly Pick<NodeReport, 'name' | 'phase'>[]): string {
  if (nodes.length === 0) return `${where} is empty`
  const some = nodes.slice(0, 5).map(({ name, phase }) => `${name} ${phase}`)
  if (nodes.length > some.length) some.push(`${nodes.length - some.length} more`)
  return `${where} has ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}: ${some.join(', ')}`
}
