import { toCausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { bad, type Finding, ok, warning } from '../../network/doctor/finding.ts'
import type { Capacity, Driver, Listing } from '../../sites/driver.ts'

/** How long the cache's program may take to say how the cache is, ms. */
const cacheTimeoutMs = 30_000

/**
 * Whether machines can be had at a site: what its driver lists and has room for. Changes nothing.
 * @param warnings what the driver warned of while it was asked; read after it has answered
 */
export async function checkDriver(
  driver: Driver,
  cluster: string,
  warnings: () => readonly string[],
): Promise<readonly Finding[]> {
  const [listing, capacity] = await Promise.all([
    driver.list().catch(toCausewayError),
    driver.capacity().catch(toCausewayError),
  ])
  const todo = 'mend what it says: docs/sites.md tells what each kind of site needs; then `causeway site check` again'
  if (listing instanceof Error) return [bad('machines', listing.message, todo)]
  const found = [...listingFindings(listing, cluster)]
  if (capacity instanceof Error) found.push(bad('room', capacity.message, todo))
  else found.push(...capacityFindings(capacity, new Set(listing.unread.map(({ host }) => host))))
  return [...found, ...warnings().map((text) => warning('machines', text, 'see docs/sites.md'))]
}

function* listingFindings({ machines, unread }: Listing, cluster: string): Generator<Finding> {
  for (const { host, error } of unread) {
    yield bad('machines', `host ${host} can't be read: ${error.message}`, 'see whether it is up and answers SSH')
  }
  const stopped = machines.filter(({ state }) => state === 'stopped').length
  const text = `${machines.length} of cluster ${cluster}${stopped > 0 ? `, ${stopped} of them stopped` : ''}`
  yield ok('machines', text)
}

function* capacityFindings({ hosts, offers, machinesLeft }: Capacity, unread: ReadonlySet<string>): Generator<Finding> {
  for (const { host, closed, cpus, memoryMiB, freeMemoryMiB } of hosts) {
    if (unread.has(host)) continue
    if (closed !== null)
      yield warning('room', `${host} takes no machines now: ${closed}`, 'mend it, or leave it as it is')
    else yield ok('room', `${host}: ${cpus ?? '?'} CPUs, ${freeMemoryMiB ?? '?'} of ${memoryMiB ?? '?'} MiB free`)
  }
  const open = hosts.filter(({ host, closed }) => closed === null && !unread.has(host))
  if (open.length === 0) yield bad('room', 'no host takes machines', 'open one of them: see the lines above')
  if (machinesLeft === 0)
    yield bad('room', 'its quota is used up', 'have the quota raised, or lower the maximum of its types')
  if (offers.length > 0) yield ok('room', `${offers.length} kinds of machines on offer`)
}

/** Whether the site's cache answers, by its own program on the gateway; nothing where the site has none. */
export async function checkCache(
  host: Host,
  cache: ControllerConfig['sites'][string]['cache'],
): Promise<readonly Finding[]> {
  if (!cache)
    return [warning('cache', 'the site has none: nodes fetch their packages over the WAN', 'see docs/cache.md')]
  const argv = [cache.program, 'cache', 'status', '--json', '--config', cache.config]
  const todo = 'start it there as a service: see docs/cache.md'
  try {
    const { code, stdout, stderr } = await host.exec(argv, { timeoutMs: cacheTimeoutMs })
    if (code === 127) return [bad('cache', `there is no ${cache.program} on the gateway`, todo)]
    if (code !== 0) return [bad('cache', (stderr.trim() || stdout.trim()).slice(-500), todo)]
    return [ok('cache', 'it answers')]
  } catch (thrown) {
    return [bad('cache', toCausewayError(thrown).message, todo)]
  }
}
