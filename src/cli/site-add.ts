import { Command } from 'commander'
import { stringify } from 'yaml'
import { systemClock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import { contradictions } from '../config/contradictions.ts'
import { FirstConfigSchema } from '../config/controller-schema.ts'
import { parseYaml, readText } from '../config/yaml.ts'
import { scanHostKey } from '../sites/scan-host-key.ts'
import { defaultConfigFile } from './config-file.ts'
import { driverOf } from './drivers.ts'
import { hostOf, withGatewayHosts } from './gateway-hosts.ts'
import { addSteps } from './site/add-steps.ts'
import { yesOrNo } from './site/ask.ts'
import { type Extended, extend, type NewSite } from './site/new-site.ts'
import { showStep, type WalkReport, walk } from './site/steps.ts'
import { trusted } from './site/trust.ts'
import { replaceConfig } from './site/write-config.ts'

interface Options extends Omit<NewSite, 'name' | 'hostKey' | 'port' | 'nodes' | 'cpus' | 'keyFile' | 'origins'> {
  readonly config: string
  readonly port: string
  readonly key: string
  readonly nodes: string
  readonly cpus: string
  readonly origin: readonly string[]
  readonly hostKey?: string
  readonly yes?: boolean
  readonly install?: boolean
  readonly node?: string
  readonly testNode: boolean
  readonly testMinutes: string
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `causeway site add NAME`: prepares the hosts of a new site, tries a node there, and adds it to the configuration. */
export function siteAddCommand(): Command {
  const several = (value: string, before: readonly string[]) => [...before, value]
  return new Command('add')
    .description('prepare a new site, try a node there, and add it to the configuration; asks, unless told --yes')
    .argument('<name>')
    .requiredOption('--address <address>', "the gateway's, for SSH")
    .requiredOption('--image <image>', 'what its machines boot')
    .requiredOption('--nodes <number>', 'most nodes')
    .requiredOption('--cpus <number>', 'CPUs of a node')
    .requiredOption('--memory <size>', 'memory of a node, such as 8GiB')
    .option('--driver <kind>', 'libvirt, namespace, ...', 'libvirt')
    .option('--host-key <fingerprint>', "the gateway's, as ssh-keygen -l prints it: SHA256:...")
    .option('--user <name>', 'for SSH', 'root')
    .option('--port <number>', 'for SSH', '22')
    .option('--key <file>', "the controller's private key", '/etc/causeway/id_ed25519')
    .option('--underlay <address>', 'where the other gateways reach it; left out: --address')
    .option('--pool <subnet>', 'addresses of its nodes; left out: a free part of the subnet')
    .option('--gateway-address <address>', 'of its bridge in the segment; left out: the last of the pool')
    .option('--origin <address>', "a server whose packages the site's cache keeps; may be repeated", several, [])
    .option('--program <path>', 'Causeway on the gateway', '/opt/causeway/bin/causeway')
    .option('--node <path>', 'the node program that the cache runs with there')
    .option('--set <key=value>', 'any other setting of the site, such as nodes.idle=10m; may be repeated', several, [])
    .option('--install', 'install Debian packages that its hosts lack')
    .option('--no-test-node', 'make no test node')
    .option('--test-minutes <number>', 'how long the test node may take to boot', '5')
    .option('--yes', 'ask nothing: --host-key must vouch for the host')
    .option('--dry-run', 'show what would be added, and do nothing')
    .option('--json', 'print the report as JSON')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async (name: string, options: Options) => {
      const isAsked = process.stdin.isTTY && options.yes !== true
      const before = await readText(options.config)
      const config = parseYaml(before, options.config, FirstConfigSchema, contradictions)
      const shown = await scanHostKey(options.address, whole('--port', options.port))
      const expected = options.hostKey
      const hostKey = await trusted(shown, options.address, { expected, ask: isAsked ? yesOrNo : null })
      const extended = extend(before, options.config, config, { ...newSite(name, options), hostKey })
      process.stderr.write(`${stringify({ sites: { [name]: extended.site } })}\n`)
      if (options.dryRun) return
      if (isAsked && !(await yesOrNo(`Prepare it and add it to ${options.config}?`))) return
      const report = await carryOut(name, extended, before, options)
      if (options.json) process.stdout.write(`${JSON.stringify(report.steps, null, 2)}\n`)
      if (report.failure) throw report.failure
      process.stderr.write(
        'Restart the controller: it takes up new sites when it starts, and disturbs no node by that.\n',
      )
    })
}

function newSite(name: string, options: Options): Omit<NewSite, 'hostKey'> {
  const { key: keyFile, origin: origins, ...rest } = options
  return {
    ...rest,
    name,
    keyFile,
    origins,
    port: whole('--port', options.port),
    nodes: whole('--nodes', options.nodes),
    cpus: whole('--cpus', options.cpus),
  }
}

async function carryOut(
  site: string,
  { config, text }: Extended,
  before: string,
  options: Options,
): Promise<WalkReport> {
  return withGatewayHosts(config, async (hosts) => {
    const warnings: string[] = []
    const warn = (_facts: unknown, message?: string) => void warnings.push(message ?? '')
    const driver = driverOf(config, site, hosts, { warn })
    try {
      const steps = addSteps({
        config,
        site,
        driver,
        host: (gateway) => hostOf(hosts, gateway),
        warnings: () => warnings,
        install: options.install === true,
        node: options.node ?? null,
        testMs: options.testNode ? whole('--test-minutes', options.testMinutes) * 60_000 : null,
        write: async () => {
          await replaceConfig(options.config, before, text)
          return `${site} is in ${options.config}`
        },
      })
      return await walk(steps, systemClock, (report) => process.stderr.write(`${showStep(report)}\n`))
    } finally {
      await driver.close()
    }
  })
}

function whole(option: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new CausewayError('InvalidRequest', `${option} ${text}: expected a whole number of at least 1`)
}
