import { createHash } from 'node:crypto'
import { CausewayError } from '../../base/errors.ts'
import { addressFamily } from '../../base/ipv6.ts'
import type { Overlay, Services } from '../overlay.ts'
import { dhcpHosts, dnsmasqConf } from './dnsmasq-conf.ts'
import { hostsFile, zoneNames } from './zone.ts'

/** Where a gateway keeps the services of its clusters, a folder for each VNI. */
export const servicesRoot = '/var/lib/causeway/services'

/** A file that dnsmasq reads. */
export interface ServiceFile {
  readonly text: string
  /** SHA-256, hexadecimal. */
  readonly digest: string
}

/**
 * The files of a gateway's services, by their path in the cluster's folder: `conf`, `dhcp-hosts`, and one in `names/` for the
 * members behind each gateway.
 * @throws CausewayError `NotFound` when the overlay has no such gateway; `InvalidRequest` for names, a zone or forwarders
 *   that can't be.
 */
export function serviceFiles(
  overlay: Overlay,
  services: Services,
  gatewayName: string,
): ReadonlyMap<string, ServiceFile> {
  const gateway = overlay.gateways.find((one) => one.name === gatewayName)
  if (gateway === undefined) throw new CausewayError('NotFound', `the overlay has no gateway '${gatewayName}'`)
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(services.zone)) throw invalid(`not a DNS zone: '${services.zone}'`)
  for (const forwarder of services.forwarders) {
    if (addressFamily(forwarder) === null) throw invalid(`not a forwarder's address: '${forwarder}'`)
  }
  // The names first: they are checked on the way, and stand in the other files too.
  const names = nameFiles(overlay, services)
  return new Map([
    ['conf', file(dnsmasqConf(overlay, services, gateway, `${servicesRoot}/${overlay.vni}`))],
    ['dhcp-hosts', file(dhcpHosts(overlay, gatewayName))],
    ...names,
  ])
}

const made = new WeakMap<Overlay, WeakMap<Services, ReadonlyMap<string, ServiceFile>>>()

/** The names are the same at all gateways, and thousands in a large cluster: they are made once for an overlay. */
function nameFiles(overlay: Overlay, services: Services): ReadonlyMap<string, ServiceFile> {
  const ofOverlay = made.get(overlay) ?? new WeakMap<Services, ReadonlyMap<string, ServiceFile>>()
  made.set(overlay, ofOverlay)
  const found = ofOverlay.get(services)
  if (found) return found
  const files = new Map<string, ServiceFile>()
  for (const [group, entries] of zoneNames(overlay, services)) {
    files.set(`names/${group}`, file(hostsFile(entries, services.zone)))
  }
  ofOverlay.set(services, files)
  return files
}

function file(text: string): ServiceFile {
  return { text, digest: createHash('sha256').update(text).digest('hex') }
}

function invalid(message: string): CausewayError {
  return new CausewayError('InvalidRequest', message)
}
