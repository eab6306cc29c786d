import { parse } from 'yaml'
import { CausewayError } from '../../base/errors.ts'
import { contradictions } from '../../config/contradictions.ts'
import { type ControllerConfig, ControllerConfigSchema } from '../../config/controller-schema.ts'
import { parseYaml } from '../../config/yaml.ts'
import { freePlace } from './free-place.ts'
import { type ConfigText, type FurtherHostWanted, type Login, sshOf, withFurtherHost } from './further-host.ts'
import { assign, withSite } from './site-text.ts'

/** What the admin says of a new site. */
export interface NewSite extends Login {
  readonly name: string
  readonly driver: string
  readonly image: string
  readonly nodes: number
  readonly cpus: number
  /** As in the configuration: `31GiB`. */
  readonly memory: string
  /** Left out: the address by which it is reached. */
  readonly underlay?: string
  /** Left out: a free block of the cluster's subnet, and its last address. */
  readonly pool?: string
  readonly gatewayAddress?: string
  /** Origins that the site's cache serves; none: the site has no cache. */
  readonly origins: readonly string[]
  /** Causeway's program on the gateway. */
  readonly program: string
  /** Further assignments `KEY=VALUE` below the site. */
  readonly set: readonly string[]
  /** Hosts of its pool beside the gateway. */
  readonly further: readonly FurtherHostWanted[]
}

/** A configuration with the new site. */
export interface Extended extends ConfigText {
  /** The site's part. */
  readonly site: unknown
}

/**
 * The configuration with a site more.
 * @param file the name used in messages
 * @throws CausewayError `Conflict` where there is a site of this name; `InvalidConfig` where the result is not acceptable;
 *   `InvalidRequest` as `freePlace`, `assign` and `withFurtherHost`
 */
export function extend(text: string, file: string, config: ControllerConfig, wanted: NewSite): Extended {
  const { name } = wanted
  if (Object.hasOwn(config.sites, name)) {
    throw new CausewayError(
      'Conflict',
      `${file} has a site ${name} already: \`causeway site check ${name}\` examines it, \`causeway site add-host ${name}\` adds a host to its pool`,
    )
  }
  const place =
    wanted.pool !== undefined && wanted.gatewayAddress !== undefined
      ? null
      : freePlace(config, wanted.nodes, 1 + wanted.further.length)
  const site: Record<string, unknown> = {
    nodes: { maximum: wanted.nodes, cpus: wanted.cpus, memory: wanted.memory },
    pool: wanted.pool ?? place?.pool,
    gateway: {
      underlay: wanted.underlay ?? wanted.address,
      address: wanted.gatewayAddress ?? place?.address,
      ssh: sshOf(wanted),
    },
    ...(wanted.origins.length === 0 ? {} : { cache: { origins: wanted.origins, program: wanted.program } }),
    driver: { kind: wanted.driver, image: wanted.image },
  }
  for (const assignment of wanted.set) assign(site, assignment)
  const added = withSite(text, name, site)
  const alone = { text: added, config: parseYaml(added, file, ControllerConfigSchema, contradictions) }
  const whole = wanted.further.reduce((before, host) => withFurtherHost(before, file, name, host), alone)
  return { ...whole, site: (parse(whole.text) as { sites: Record<string, unknown> }).sites[name] }
}
