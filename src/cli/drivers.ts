import { systemClock } from '../base/clock.ts'
import type { Host } from '../base/host.ts'
import type { Logger } from '../base/log.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import { furtherGateway } from '../config/further-hosts.ts'
import { headGateway } from '../elastic/overlay-from-nodes.ts'
import { CommandDriver } from '../sites/command/command-driver.ts'
import type { Driver } from '../sites/driver.ts'
import { Ec2Driver } from '../sites/ec2/driver.ts'
import { LibvirtDriver } from '../sites/libvirt/libvirt-driver.ts'
import { NamespaceDriver } from '../sites/namespace-driver.ts'
import { OpenStackDriver } from '../sites/openstack/openstack-driver.ts'
import { PacedDriver } from '../sites/paced-driver.ts'
import { hostOf } from './gateway-hosts.ts'
import { imageSourceOf } from './images.ts'

/** Where drivers say what is not as it should be, but keeps nothing from working. */
type Log = Pick<Logger, 'warn'>

/** The drivers of all sites of a configuration, by site; `hosts` are the gateways. Whoever has them closes them. */
export function driversOf(
  config: Pick<ControllerConfig, 'cluster' | 'head' | 'images' | 'sites'>,
  hosts: ReadonlyMap<string, Host>,
  log: Log,
): ReadonlyMap<string, Driver> {
  return new Map(Object.keys(config.sites).map((site) => [site, driverOf(config, site, hosts, log)]))
}

/** The driver of one site of a configuration. */
export function driverOf(
  config: Pick<ControllerConfig, 'cluster' | 'head' | 'images' | 'sites'>,
  site: string,
  hosts: ReadonlyMap<string, Host>,
  log: Log,
): Driver {
  const { cluster, sites } = config
  const driver = (sites[site] as ControllerConfig['sites'][string]).driver
  const { kind } = driver
  switch (kind) {
    case 'namespace':
      return new NamespaceDriver({ site, cluster: cluster.name, host: hostOf(hosts, site), shared: driver.shared })
    case 'command': {
      const { program, settings, types, timeout, pace } = driver
      const host = hostOf(hosts, driver.at === 'head' ? headGateway : site)
      const options = { site, cluster: cluster.name, host, program, settings, types, timeoutMs: timeout }
      return new PacedDriver(new CommandDriver(options), pace, systemClock)
    }
    case 'ec2':
      return new PacedDriver(new Ec2Driver({ site, cluster: cluster.name, settings: driver }), driver.pace, systemClock)
    case 'libvirt': {
      const pool = Object.entries(driver.hosts ?? { [site]: { gateway: true } }).map(
        ([name, { gateway }]) => [name, hostOf(hosts, gateway ? site : furtherGateway(site, name))] as const,
      )
      const imageSource = imageSourceOf(config, site)
      const options = { site, cluster: cluster.name, config: driver, hosts: new Map(pool), log, imageSource }
      return new LibvirtDriver(options)
    }
    case 'openstack': {
      const openstack = new OpenStackDriver({ site, cluster: cluster.name, settings: driver })
      return new PacedDriver(openstack, driver.pace, systemClock)
    }
  }
}
