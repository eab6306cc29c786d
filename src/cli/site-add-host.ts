import { Command } from 'commander'
import { parse, stringify } from 'yaml'
import { contradictions } from '../config/contradictions.ts'
import { ControllerConfigSchema } from '../config/controller-schema.ts'
import { parseYaml, readText } from '../config/yaml.ts'
import { type AddOptions, loginOf, mannerOf, withAddOptions } from './site/add-options.ts'
import { addHostSteps } from './site/add-steps.ts'
import { carryOut } from './site/carry-out.ts'
import { type FurtherHostWanted, withFurtherHost } from './site/further-host.ts'

interface Options extends AddOptions, Pick<FurtherHostWanted, 'underlay' | 'segmentAddress'> {
  readonly hostKey?: string
}

/** `causeway site add-host SITE NAME`: prepares a host, tries a node there, and adds it to the pool of a site. */
export function siteAddHostCommand(): Command {
  const command = new Command('add-host')
    .description("prepare a further host for a libvirt site's pool, try a node there, and add it to the configuration")
    .argument('<site>')
    .argument('<name>', 'of the host, in the pool')
    .requiredOption('--address <address>', "the host's, for SSH")
    .option('--host-key <fingerprint>', "the host's, as ssh-keygen -l prints it: SHA256:...")
    .option('--underlay <address>', 'where the gateways reach it; left out: --address')
    .option('--segment-address <address>', "of its bridge in the segment; left out: a free one below the gateway's")
  return withAddOptions(command).action(async (site: string, name: string, options: Options) => {
    const before = await readText(options.config)
    const config = parseYaml(before, options.config, ControllerConfigSchema, contradictions)
    const login = await loginOf(options, options.address, null, options.hostKey)
    const { underlay, segmentAddress } = options
    const places = {
      ...(underlay === undefined ? {} : { underlay }),
      ...(segmentAddress === undefined ? {} : { segmentAddress }),
    }
    const after = withFurtherHost({ text: before, config }, options.config, site, { name, ...places, ...login })
    const { sites } = parse(after.text) as { sites: Record<string, { driver: { hosts: object } }> }
    const lines = stringify({ hosts: sites[site]?.driver.hosts })
    const what = `host ${name} of ${site}`
    await carryOut({ after, before, site, what, lines, steps: (to) => addHostSteps(to, name) }, mannerOf(options))
  })
}
