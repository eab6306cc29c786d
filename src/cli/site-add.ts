import { Command } from 'commander'
import { stringify } from 'yaml'
import { CausewayError } from '../base/errors.ts'
import { contradictions } from '../config/contradictions.ts'
import { FirstConfigSchema } from '../config/controller-schema.ts'
import { parseYaml, readText } from '../config/yaml.ts'
import { type AddOptions, loginOf, mannerOf, several, wholeOf, withAddOptions } from './site/add-options.ts'
import { addSteps } from './site/add-steps.ts'
import { words } from './site/ask.ts'
import { carryOut, type Manner } from './site/carry-out.ts'
import type { FurtherHostWanted, Login } from './site/further-host.ts'
import { namedWords } from './site/named-words.ts'
import { extend, type NewSite } from './site/new-site.ts'
import { broughtProgram } from './site/program.ts'

interface Options extends AddOptions, Pick<NewSite, 'underlay' | 'pool' | 'gatewayAddress' | 'driver' | 'image'> {
  readonly nodes: string
  readonly cpus: string
  readonly memory: string
  readonly origin: readonly string[]
  readonly host: readonly string[]
  readonly hostKey: readonly string[]
  readonly program: string
  readonly set: readonly string[]
  readonly node?: string
}

/** `causeway site add NAME`: prepares the hosts of a new site, tries nodes there, and adds it to the configuration. */
export function siteAddCommand(): Command {
  const command = new Command('add')
    .description('prepare a new site, try a node there, and add it to the configuration; asks, unless told --yes')
    .argument('<name>')
    .requiredOption('--address <address>', "the gateway's, for SSH")
    .requiredOption('--image <image>', 'what its machines boot')
    .requiredOption('--nodes <number>', 'most nodes')
    .requiredOption('--cpus <number>', 'CPUs of a node')
    .requiredOption('--memory <size>', 'memory of a node, such as 8GiB')
    .option('--driver <kind>', 'libvirt, namespace, ...', 'libvirt')
    .option('--host <name=address>', 'a further host of its pool; may be repeated', several, [])
    .option('--host-key <[name=]fingerprint>', "the gateway's, or a further host's: SHA256:...", several, [])
    .option('--underlay <address>', 'where the other gateways reach it; left out: --address')
    .option('--pool <subnet>', 'addresses of its nodes; left out: a free part of the subnet')
    .option('--gateway-address <address>', 'of its bridge in the segment; left out: the last of the pool')
    .option('--origin <address>', "a server whose packages the site's cache keeps; may be repeated", several, [])
    .option('--program <path>', 'Causeway on the gateway, for the cache; left out: it is brought', broughtProgram)
    .option('--node <path>', 'the node program that the cache runs with there')
    .option('--set <key=value>', 'any other setting of the site, such as nodes.idle=10m; may be repeated', several, [])
  return withAddOptions(command).action(async (name: string, options: Options) => {
    const manner = mannerOf(options)
    const before = await readText(options.config)
    const config = parseYaml(before, options.config, FirstConfigSchema, contradictions)
    const fingerprints = namedWords('--host-key', options.hostKey, '')
    const login = await loginOf(options, options.address, null, fingerprints.get(''))
    const further = await furtherOf(name, options, manner, fingerprints)
    const { site, ...after } = extend(before, options.config, config, newSite(name, options, login, further))
    const lines = stringify({ sites: { [name]: site } })
    await carryOut({ after, before, site: name, what: `site ${name}`, lines, steps: addSteps }, manner)
  })
}

/** The further hosts of the pool that the admin names, beforehand or when he is asked. */
async function furtherOf(
  site: string,
  options: Options,
  { isAsked }: Manner,
  fingerprints: ReadonlyMap<string, string>,
): Promise<readonly FurtherHostWanted[]> {
  const said = [...options.host]
  if (isAsked && said.length === 0 && options.driver === 'libvirt') {
    const question = `A further host of ${site}'s pool, as NAME=ADDRESS? (Enter: no more)`
    for (let answer = await words(question); answer !== ''; answer = await words(question)) said.push(answer)
  }
  const addresses = namedWords('--host', said, null)
  const unknown = [...fingerprints.keys()].find((name) => name !== '' && !addresses.has(name))
  if (unknown !== undefined) {
    throw new CausewayError('InvalidRequest', `--host-key ${unknown}=...: there is no --host ${unknown}=ADDRESS`)
  }
  const found: FurtherHostWanted[] = []
  for (const [name, address] of addresses) {
    found.push({ name, ...(await loginOf(options, address, name, fingerprints.get(name))) })
  }
  return found
}

function newSite(name: string, options: Options, login: Login, further: readonly FurtherHostWanted[]): NewSite {
  const { key: _key, host: _host, origin: origins, ...rest } = options
  const nodes = wholeOf('--nodes', options.nodes)
  return { ...rest, ...login, name, origins, nodes, cpus: wholeOf('--cpus', options.cpus), further }
}
