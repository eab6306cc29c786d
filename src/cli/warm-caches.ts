import { CausewayError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import type { WarmCache } from '../elastic/ports.ts'
import { hostOf } from './gateway-hosts.ts'

/** How long the cache's program may take to pass a request on, ms: it does not wait for what it asks for. */
const timeoutMs = 30_000

/** The exit status of a command line that is wrong or of a wrong configuration; also: the cache does not know the role. */
const usage = 2

/** Tells sites' caches through their own command on the gateway: `causeway cache warm ROLE... --no-wait`. */
export function warmCaches(config: Pick<ControllerConfig, 'sites'>, hosts: ReadonlyMap<string, Host>): WarmCache {
  return async (site, roles) => {
    const cache = config.sites[site]?.cache
    if (!cache) throw new CausewayError('NotFound', `site ${site} has no cache`)
    const argv = [cache.program, 'cache', 'warm', ...roles, '--config', cache.config, '--no-wait']
    const { code, stdout, stderr } = await hostOf(hosts, site).exec(argv, { timeoutMs })
    if (code === 0) return
    const said = (stderr.trim() || stdout.trim()).slice(-500)
    throw new CausewayError(code === usage ? 'InvalidRequest' : 'CommandFailed', `${site}: ${said}`, {
      facts: { host: site, call: argv, status: code },
      // The cache may just be starting; a program that is not there stays so.
      retryable: code !== usage && code !== 126 && code !== 127,
    })
  }
}

/** The roles that a site's cache is to bring for nodes of a type. */
export function rolesOf(
  { sites }: Pick<ControllerConfig, 'sites'>,
  { site, type }: { readonly site: string; readonly type: string },
): readonly string[] {
  const { cache, types } = sites[site] ?? {}
  if (!cache) return []
  return types?.[type]?.warm ?? cache.warm
}
