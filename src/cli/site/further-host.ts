import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'
import { CausewayError } from '../../base/errors.ts'
import { contradictions } from '../../config/contradictions.ts'
import { type ControllerConfig, ControllerConfigSchema } from '../../config/controller-schema.ts'
import { poolOf } from '../../config/further-hosts.ts'
import { parseYaml } from '../../config/yaml.ts'
import { freeAddress } from './free-place.ts'
import { withHost } from './site-text.ts'

/** How a host is logged in to, as the admin says it. */
export interface Login {
  readonly address: string
  readonly port: number
  readonly user: string
  readonly keyFile: string
  /** As in the configuration: `ssh-ed25519 AAAA...`. */
  readonly hostKey: string
}

/** What the admin says of a further host of a site's pool. */
export interface FurtherHostWanted extends Login {
  readonly name: string
  /** Left out: the address by which it is reached. */
  readonly underlay?: string
  /** Its bridge's in the segment; left out: a free one below the gateway's. */
  readonly segmentAddress?: string
}

/** A configuration as a text, and read. */
export interface ConfigText {
  readonly text: string
  readonly config: ControllerConfig
}

/** A login as the configuration has it, without what is so anyway. */
export function sshOf({ address, port, user, keyFile, hostKey }: Login): object {
  return { address, ...(port === 22 ? {} : { port }), ...(user === 'root' ? {} : { user }), keyFile, hostKey }
}

/**
 * The configuration in which a site's pool has a host more.
 * @param file the name used in messages
 * @throws CausewayError `Conflict` where the pool has a host of this name; `InvalidRequest` where the site is not there, is not
 *   libvirt's, or shares its lines with another; `InvalidConfig` where the result is not acceptable
 */
export function withFurtherHost(
  { text, config }: ConfigText,
  file: string,
  site: string,
  wanted: FurtherHostWanted,
): ConfigText {
  const driver = config.sites[site]?.driver
  if (!driver) throw new CausewayError('InvalidRequest', `${file} has no site ${site}: \`causeway site add\` adds one`)
  if (driver.kind !== 'libvirt') {
    throw new CausewayError('InvalidRequest', `site ${site} is ${driver.kind}'s: only libvirt has pools of hosts`)
  }
  const pool = poolOf(driver)
  const names = [...Object.keys(pool), ...(Object.values(pool).some(({ gateway }) => gateway) ? [] : [site])]
  if (names.includes(wanted.name)) {
    throw new CausewayError('Conflict', `${site} has a host ${wanted.name} already: it has ${names.join(', ')}`)
  }
  const host = {
    ssh: sshOf(wanted),
    underlay: wanted.underlay ?? wanted.address,
    address: wanted.segmentAddress ?? freeAddress(config, site),
  }
  const after = withHost(text, site, wanted.name, host)
  if (!isDeepStrictEqual(othersThan(site, text), othersThan(site, after))) {
    const what = `other lines of ${file} share the driver of ${site} (a YAML anchor): write it out for each first`
    throw new CausewayError('InvalidRequest', what)
  }
  return { text: after, config: parseYaml(after, file, ControllerConfigSchema, contradictions) }
}

/** All that a configuration says but of one site. */
function othersThan(site: string, text: string): unknown {
  const { sites, ...rest } = parse(text) as { sites: Record<string, unknown> }
  const { [site]: _, ...others } = sites
  return { rest, others }
}
