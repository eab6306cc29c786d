import { createHash } from 'node:crypto'
import type { RunInstancesCommandInput, Tag } from '@aws-sdk/client-ec2'
import { CausewayError } from '../../base/errors.ts'
import type { Ec2Settings } from '../../config/drivers/ec2.ts'
import { compactUserData } from '../cloud-init/no-cloud.ts'
import type { MachineSpec } from '../driver.ts'
import type { Ami } from './images.ts'
import { tag } from './instances.ts'
import type { Purchase } from './purchases.ts'

/** EC2's limit of user data, bytes before base64. */
const mostUserData = 16_384

/**
 * The request for one machine. The same arguments make the same request, to the byte: EC2 takes a token only with the
 * parameters that it came with first.
 * @param life counts the machines that an id had at this purchase: a token stands for one machine for ever
 * @throws CausewayError `InvalidRequest` when the seed is longer than EC2's user data may be
 */
export function runRequest(
  site: string,
  settings: Ec2Settings,
  wanted: { readonly spec: MachineSpec; readonly ami: Ami; readonly purchase: Purchase; readonly life: number },
): RunInstancesCommandInput {
  const { spec, ami, purchase, life } = wanted
  const { rootDisk } = settings
  const tags = tagsOf(site, spec)
  const tagged = [
    'instance',
    'volume',
    'network-interface',
    ...(purchase.market === 'spot' ? ['spot-instances-request'] : []),
  ]
  const spot = {
    MarketType: 'spot' as const,
    SpotOptions: {
      SpotInstanceType: 'one-time' as const,
      InstanceInterruptionBehavior: 'terminate' as const,
      ...(purchase.maxPrice === undefined ? {} : { MaxPrice: String(purchase.maxPrice) }),
    },
  }
  return {
    ClientToken: clientToken(spec.id, purchase, life),
    MinCount: 1,
    MaxCount: 1,
    ImageId: ami.imageId,
    InstanceType: purchase.instanceType as NonNullable<RunInstancesCommandInput['InstanceType']>,
    UserData: userData(spec),
    // A machine that switches itself off is to cost nothing any more.
    InstanceInitiatedShutdownBehavior: 'terminate',
    ...(purchase.market === 'spot' ? { InstanceMarketOptions: spot } : {}),
    // Version 2 only, and one hop: what runs in a container or behind a proxy on the node does not get at the seed.
    MetadataOptions: { HttpEndpoint: 'enabled', HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
    NetworkInterfaces: [
      {
        DeviceIndex: 0,
        SubnetId: purchase.subnet,
        Groups: [...settings.securityGroups],
        AssociatePublicIpAddress: settings.publicAddress,
        DeleteOnTermination: true,
      },
    ],
    BlockDeviceMappings: [
      {
        DeviceName: ami.rootDevice,
        Ebs: {
          DeleteOnTermination: true,
          Encrypted: rootDisk.encrypted,
          VolumeType: rootDisk.type as 'gp3',
          ...(rootDisk.size === undefined ? {} : { VolumeSize: Math.ceil(rootDisk.size / 1024 ** 3) }),
          ...(rootDisk.kmsKey === undefined ? {} : { KmsKeyId: rootDisk.kmsKey }),
        },
      },
    ],
    TagSpecifications: tagged.map((resource) => ({ ResourceType: resource as 'instance', Tags: tags })),
  }
}

/** EC2 takes a token once per zone; ours differs for all that may differ between two tries for one id. */
function clientToken(id: string, { instanceType, zone, market }: Purchase, life: number): string {
  return createHash('sha256')
    .update(JSON.stringify([id, instanceType, zone, market, life]))
    .digest('hex')
}

function tagsOf(site: string, spec: MachineSpec): Tag[] {
  return [
    { Key: 'Name', Value: spec.name },
    { Key: tag.id, Value: spec.id },
    { Key: tag.name, Value: spec.name },
    { Key: tag.cluster, Value: spec.cluster },
    { Key: tag.site, Value: site },
  ]
}

function userData(spec: MachineSpec): string {
  const bytes = compactUserData(spec)
  if (bytes.length <= mostUserData) return Buffer.from(bytes).toString('base64')
  const [largest] = spec.seed.toSorted((a, b) => b.content.length - a.content.length)
  throw new CausewayError(
    'InvalidRequest',
    `the seed of ${spec.name} has ${bytes.length} bytes compressed, and EC2 takes ${mostUserData}: the largest file is ` +
      `${largest?.path} with ${largest?.content.length}; put what is large into the image, and let a name server know the nodes`,
    { facts: { bytes: bytes.length, most: mostUserData } },
  )
}
