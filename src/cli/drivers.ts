import type { Host } from '../base/host.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import type { Driver } from '../sites/driver.ts'
import { NamespaceDriver } from '../sites/namespace-driver.ts'
import { hostOf } from './gateway-hosts.ts'

/** The drivers of all sites of a configuration, by site; `hosts` are the gateways. Whoever has them closes them. */
export function driversOf(
  config: Pick<ControllerConfig, 'cluster' | 'sites'>,
  hosts: ReadonlyMap<string, Host>,
): ReadonlyMap<string, Driver> {
  return new Map(Object.keys(config.sites).map((site) => [site, driverOf(config, site, hosts)]))
}

function driverOf(
  { cluster, sites }: Pick<ControllerConfig, 'cluster' | 'sites'>,
  site: string,
  hosts: ReadonlyMap<string, Host>,
): Driver {
  const driver = (sites[site] as ControllerConfig['sites'][string]).driver
  const { kind } = driver
  switch (kind) {
    case 'namespace':
      return new NamespaceDriver({ site, cluster: cluster.name, host: hostOf(hosts, site), shared: driver.shared })
  }
}
