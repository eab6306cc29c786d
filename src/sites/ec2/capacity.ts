import type { Subnet } from '@aws-sdk/client-ec2'
import type { Ec2Settings } from '../../config/drivers/ec2.ts'
import type { HostCapacity } from '../driver.ts'
import type { Ec2Api } from './client.ts'
import type { Found } from './instances.ts'

/** The zones as hosts: how large they are nobody knows, but whether their subnets have addresses left. @throws CausewayError */
export async function zonesNow(
  api: Ec2Api,
  zones: Ec2Settings['zones'],
  founds: readonly Found[],
): Promise<HostCapacity[]> {
  const request = { SubnetIds: [...new Set(Object.values(zones))] }
  const found = await api.all('DescribeSubnets', 'Subnets', (ec2, page) => ec2.describeSubnets({ ...request, ...page }))
  const subnets = new Map(found.map((subnet) => [subnet.SubnetId, subnet]))
  return Object.entries(zones).map(([zone, id]) => ({
    host: zone,
    closed: closedFor(zone, id, subnets.get(id)),
    cpus: null,
    memoryMiB: null,
    freeMemoryMiB: null,
    machines: founds.filter((found) => found.zone === zone).length,
  }))
}

function closedFor(zone: string, id: string, subnet: Subnet | undefined): string | null {
  if (!subnet) return `there is no ${id}`
  if (subnet.AvailabilityZone !== zone) return `${id} is in ${subnet.AvailabilityZone}: correct it under driver.zones`
  if (subnet.State !== 'available') return `${id} is ${subnet.State}`
  return subnet.AvailableIpAddressCount === 0 ? `${id} has no address left` : null
}
