import type { StaticDecode } from 'typebox'
import type { LibvirtConfig } from './drivers/libvirt.ts'
import type { SshSchema } from './ssh-schema.ts'

/** A host of a site's pool that is not its gateway: it joins the overlay as a gateway does, but routes and caches nothing. */
export interface FurtherHost {
  readonly site: string
  /** Its name in the pool. */
  readonly host: string
  /** Its name among the gateways: `SITE/HOST`. */
  readonly gateway: string
  readonly underlay: string
  /** Its bridge's address in the segment. */
  readonly address: string
  readonly ssh: StaticDecode<typeof SshSchema>
}

/** What names them. */
export interface PoolSource {
  readonly sites: Readonly<Record<string, { readonly driver: { readonly kind: string } }>>
}

/** The further hosts of all sites, in the order of the file; those that lack what they must have are left out. */
export function furtherHosts({ sites }: PoolSource): readonly FurtherHost[] {
  return Object.entries(sites).flatMap(([site, { driver }]) =>
    Object.entries(poolOf(driver)).flatMap(([host, { gateway, ssh, underlay, address }]) => {
      if (gateway || !ssh || underlay === undefined || address === undefined) return []
      return [{ site, host, gateway: furtherGateway(site, host), underlay, address, ssh }]
    }),
  )
}

/** The hosts of a site's pool by name, the gateway among them; none where the site has no pool. */
export function poolOf(driver: { readonly kind: string }): NonNullable<LibvirtConfig['hosts']> {
  return driver.kind === 'libvirt' ? ((driver as LibvirtConfig).hosts ?? {}) : {}
}

/** The hosts of a site's pool, or its zones, as its configuration names them; none where it leaves them to the site. */
export function hostNames(driver: { readonly kind: string; readonly zones?: object }): readonly string[] {
  const { zones } = driver
  if (zones) return Array.isArray(zones) ? zones : Object.keys(zones)
  return Object.keys(poolOf(driver))
}

/** The name of a further host among the gateways. */
export function furtherGateway(site: string, host: string): string {
  return `${site}/${host}`
}

/** Whether a driver's machines have no port on the gateway's bridge, but join the segment by themselves. */
export function joinsByItself(driver: { readonly kind: string; readonly network?: unknown }): boolean {
  return driver.kind === 'ec2' || driver.network === 'join'
}
