import { gunzipSync } from 'node:zlib'
import type { FakeCloud, FakeInstance } from './cloud.ts'
import { map, maps, type Parameters, text } from './query.ts'
import { Refusal } from './refusal.ts'

/** Makes an instance, or finds the one that its token stands for. */
export function runInstances(cloud: FakeCloud, parameters: Parameters): FakeInstance {
  const [nic = {}] = maps(parameters['NetworkInterface'])
  const zone = cloud.subnets.get(text(nic['SubnetId']))
  if (!zone) throw new Refusal('InvalidSubnetID.NotFound', `The subnet ID '${text(nic['SubnetId'])}' does not exist`)
  const token = text(parameters['ClientToken'])
  // With a subnet, tokens are the zone's ("RunInstances idempotency" in the developer guide).
  const known = cloud.tokens.get(`${zone}/${token}`)
  const given = JSON.stringify(parameters)
  if (known) {
    if (known.parameters === given) return cloud.instances.get(known.instanceId) as FakeInstance
    throw new Refusal(
      'IdempotentParameterMismatch',
      'The client token you have provided was used with other parameters.',
    )
  }
  const made = make(cloud, parameters, zone)
  cloud.instances.set(made.instanceId, made)
  cloud.tokens.set(`${zone}/${token}`, { instanceId: made.instanceId, parameters: given })
  return made
}

function make(cloud: FakeCloud, parameters: Parameters, zone: string): FakeInstance {
  const market = text(map(parameters['InstanceMarketOptions'])['MarketType']) === 'spot' ? 'spot' : 'on-demand'
  const instanceType = text(parameters['InstanceType'])
  const imageId = text(parameters['ImageId'])
  if (!cloud.images.has(imageId))
    throw new Refusal('InvalidAMIID.NotFound', `The image id '[${imageId}]' does not exist`)
  if (!cloud.kinds.has(instanceType)) throw new Refusal('InvalidParameterValue', `Invalid value '${instanceType}'`)
  if (text(map(parameters['MetadataOptions'])['HttpTokens']) !== 'required') {
    throw new Refusal('InvalidParameterCombination', 'this account wants IMDSv2')
  }
  const userData = readUserData(text(parameters['UserData']))
  if (cloud.alive().length >= cloud.quota) {
    throw new Refusal(
      market === 'spot' ? 'MaxSpotInstanceCountExceeded' : 'VcpuLimitExceeded',
      'You have requested more',
    )
  }
  if (cloud.soldOut.has(`${instanceType}/${zone}/${market}`)) {
    throw new Refusal('InsufficientInstanceCapacity', `There is no Spot capacity available for ${instanceType}.`, 500)
  }
  const tags = tagsFor(parameters, 'instance')
  const now = cloud.now()
  return {
    instanceId: cloud.nextId('i'),
    token: text(parameters['ClientToken']),
    tags,
    instanceType,
    zone,
    market,
    imageId,
    userData,
    launchedAtMs: now,
    address: `172.31.0.${1 + (cloud.instances.size % 250)}`,
    nic: cloud.nextId('eni'),
    sourceDestCheck: true,
    history: [{ atMs: now, state: 'pending' }],
    printed: `hello from ${tags.get('causeway:name')}\n`,
    announced: null,
  }
}

/** Tags of a kind of resource that a call makes. */
export function tagsFor(parameters: Parameters, resource: string): ReadonlyMap<string, string> {
  const specification = maps(parameters['TagSpecification']).find((one) => text(one['ResourceType']) === resource)
  return new Map(maps(specification?.['Tag']).map((tag) => [text(tag['Key']), text(tag['Value'])]))
}

function readUserData(base64: string): string {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length > 16_384) throw new Refusal('InvalidParameterValue', 'User data is limited to 16384 bytes')
  return gunzipSync(bytes).toString()
}
