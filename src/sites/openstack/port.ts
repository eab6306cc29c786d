import type { OpenStackSettings } from '../../config/drivers/openstack.ts'
import type { MachineSpec } from '../driver.ts'
import type { NewPort } from './neutron.ts'

/**
 * The port of a machine. Where the gateway bridges the network, it is the machine's plug in the cluster's segment, with the
 * address and MAC that it has there. A machine that joins the segment by itself gets what the cloud gives.
 */
export function portFor({ id, cluster, nic }: MachineSpec, { network, port }: OpenStackSettings): NewPort {
  const isBridged = network === 'bridged'
  const bare = (address: string) => address.split('/')[0] ?? address
  const subnet = port.subnet ?? null
  return {
    machine: id,
    cluster,
    network: port.network,
    mac: isBridged ? nic.mac : null,
    place: subnet === null ? null : { subnet, address: isBridged ? bare(nic.address) : null },
    security: port.security,
    securityGroups: port.securityGroups,
    // Neutron knows the IPv4 subnet only.
    alsoAddresses: isBridged && nic.ipv6 ? [bare(nic.ipv6.address)] : [],
  }
}
