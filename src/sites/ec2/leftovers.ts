import { CausewayError } from '../../base/errors.ts'
import type { Ec2Api } from './client.ts'
import { ec2Code } from './errors.ts'
import { tag } from './instances.ts'

/**
 * Deletes the disks and network interfaces that bear an id and that nothing uses any more. EC2 deletes most of them with
 * their machine; what an image brings along, or what was detached by hand, stays.
 * @returns how many are still there
 * @throws CausewayError
 */
export async function removeLeftovers(api: Ec2Api, id: string): Promise<number> {
  const Filters = [{ Name: `tag:${tag.id}`, Values: [id] }]
  const [volumes, nics] = await Promise.all([
    api.all('DescribeVolumes', 'Volumes', (ec2, page) => ec2.describeVolumes({ Filters, ...page })),
    api.all('DescribeNetworkInterfaces', 'NetworkInterfaces', (ec2, page) =>
      ec2.describeNetworkInterfaces({ Filters, ...page }),
    ),
  ])
  const leftVolumes = volumes.filter(({ State }) => State !== 'deleting' && State !== 'deleted')
  for (const { VolumeId, State } of leftVolumes) {
    if (State !== 'available' && State !== 'error') continue
    await deleteUnlessUsed(api.act('DeleteVolume', (ec2) => ec2.deleteVolume({ VolumeId })))
  }
  for (const { NetworkInterfaceId, Status } of nics) {
    if (Status !== 'available') continue
    await deleteUnlessUsed(
      api.act('DeleteNetworkInterface', (ec2) => ec2.deleteNetworkInterface({ NetworkInterfaceId })),
    )
  }
  return leftVolumes.length + nics.length
}

/** What is gone meanwhile is what was wanted; what is still in use is looked at again. */
async function deleteUnlessUsed(deleting: Promise<unknown>): Promise<void> {
  try {
    await deleting
  } catch (error) {
    const code = error instanceof CausewayError ? ec2Code(error) : ''
    if (!/\.NotFound$|InUse$|^IncorrectState$/.test(code)) throw error
  }
}
