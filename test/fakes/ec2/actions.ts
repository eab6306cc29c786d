import type { FakeCloud, FakeInstance, FakeLeftover } from './cloud.ts'
import { map, maps, type Parameters, text, texts } from './query.ts'
import { Refusal } from './refusal.ts'
import { runInstances } from './run-instances.ts'
import { instanceXml, tagXml } from './views.ts'
import type { Xml } from './xml.ts'

type Action = (cloud: FakeCloud, parameters: Parameters) => { readonly [name: string]: Xml }

/** What the API can do, after "Actions" in the Amazon EC2 API reference (2016-11-15); only what the driver may need. */
export const actions: Readonly<Record<string, Action>> = {
  RunInstances: (cloud, parameters) => ({ instancesSet: [instanceXml(cloud, runInstances(cloud, parameters), 0)] }),

  DescribeInstances(cloud, parameters) {
    const matching = filters(parameters)
    const lagMs = cloud.lagMs()
    const shown = [...cloud.instances.values()].filter((instance) => {
      const state = cloud.seen(instance, lagMs)
      if (state === null) return false
      return matching((name) => {
        if (name === 'instance-id') return instance.instanceId
        if (name === 'instance-state-name') return state
        return name === 'client-token' ? instance.token : instance.tags.get(name.replace(/^tag:/, ''))
      })
    })
    const { items, nextToken } = page(cloud, shown, parameters)
    // As at the real service, a page is one of reservations.
    return { reservationSet: items.map((found) => ({ instancesSet: [instanceXml(cloud, found, lagMs)] })), nextToken }
  },

  TerminateInstances(cloud, parameters) {
    const found = texts(parameters['InstanceId']).map((id) => visible(cloud, id))
    for (const instance of found) cloud.terminate(instance)
    return {
      instancesSet: found.map(({ instanceId }) => ({ instanceId, currentState: { code: 32, name: 'shutting-down' } })),
    }
  },

  GetConsoleOutput(cloud, parameters) {
    const instance = visible(cloud, text(parameters['InstanceId']))
    const output = Buffer.from(instance.printed).subarray(-65_536).toString('base64')
    return { instanceId: instance.instanceId, timestamp: new Date(cloud.now()), output }
  },

  DescribeImages(cloud, parameters) {
    const ids = texts(parameters['ImageId'])
    const unknown = ids.find((id) => !cloud.images.has(id))
    if (unknown) throw new Refusal('InvalidAMIID.NotFound', `The image id '[${unknown}]' does not exist`)
    const owners = texts(parameters['Owner']).map((owner) => (owner === 'self' ? '111122223333' : owner))
    const matching = filters(parameters)
    const found = [...cloud.images].filter(
      ([id, image]) =>
        (ids.length === 0 || ids.includes(id)) &&
        (owners.length === 0 || owners.includes(image.owner)) &&
        matching((name) => (name === 'name' ? image.name : image.tags.get(name.replace(/^tag:/, '')))),
    )
    return {
      imagesSet: found.map(([imageId, { state, name, owner, root, created, tags }]) => ({
        imageId,
        imageState: state,
        name,
        imageOwnerId: owner,
        rootDeviceName: root,
        creationDate: created,
        tagSet: tagXml(tags),
      })),
    }
  },

  DescribeSubnets(cloud, parameters) {
    const ids = texts(parameters['SubnetId'])
    const unknown = ids.find((id) => !cloud.subnets.has(id))
    if (unknown) throw new Refusal('InvalidSubnetID.NotFound', `The subnet ID '${unknown}' does not exist`)
    return {
      subnetSet: ids.map((subnetId) => ({
        subnetId,
        state: 'available',
        availabilityZone: cloud.subnets.get(subnetId),
        availableIpAddressCount: 200,
      })),
    }
  },

  DescribeInstanceTypes(cloud, parameters) {
    const matching = filters(parameters)
    const found = [...cloud.kinds].filter(([name]) => matching(() => name))
    const { items, nextToken } = page(cloud, found, parameters)
    const instanceTypeSet = items.map(([instanceType, { cpus, memoryMiB, gpus }]) => ({
      instanceType,
      supportedUsageClasses: ['on-demand', 'spot'],
      vCpuInfo: { defaultVCpus: cpus },
      memoryInfo: { sizeInMiB: memoryMiB },
      gpuInfo: gpus > 0 ? { gpus: [{ count: gpus }] } : undefined,
    }))
    return { instanceTypeSet, nextToken }
  },

  DescribeInstanceTypeOfferings(cloud, parameters) {
    const matching = filters(parameters)
    const offered = [...cloud.kinds.keys()].flatMap((instanceType) =>
      [...new Set(cloud.subnets.values())].map((location) => ({
        instanceType,
        locationType: 'availability-zone',
        location,
      })),
    )
    const found = offered.filter(({ instanceType }) => matching(() => instanceType))
    const { items, nextToken } = page(cloud, found, parameters)
    return { instanceTypeOfferingSet: items, nextToken }
  },

  DescribeSpotPriceHistory(cloud, parameters) {
    const wanted = texts(parameters['InstanceType'])
    const history = [...cloud.spotPrices].map(([place, price]) => {
      const [instanceType = '', availabilityZone = ''] = place.split('/')
      const timestamp = new Date(cloud.now() - 1000)
      return {
        instanceType,
        availabilityZone,
        spotPrice: price.toFixed(6),
        timestamp,
        productDescription: 'Linux/UNIX',
      }
    })
    return { spotPriceHistorySet: history.filter(({ instanceType }) => wanted.includes(instanceType)) }
  },

  DescribeInstanceStatus(cloud) {
    const announced = cloud.alive().filter(({ announced }) => announced?.how === 'event')
    return {
      instanceStatusSet: announced.map(({ instanceId, announced }) => ({
        instanceId,
        eventsSet: [
          { code: 'instance-reboot', description: '[Completed] it was', notBefore: new Date(1000) },
          {
            code: 'instance-retirement',
            description: announced?.reason ?? '',
            notBefore: new Date(announced?.atMs ?? 0),
          },
        ],
      })),
    }
  },

  DescribeSpotInstanceRequests(cloud, parameters) {
    const matching = filters(parameters)
    const found = cloud
      .alive()
      .filter(({ market }) => market === 'spot')
      .map(({ instanceId, announced }) => ({
        instanceId,
        code: announced?.how === 'spot' ? 'marked-for-termination' : 'fulfilled',
        atMs: (announced?.atMs ?? 120_000) - 120_000,
      }))
      .filter(({ instanceId, code }) => matching((name) => (name === 'instance-id' ? instanceId : code)))
    return {
      spotInstanceRequestSet: found.map(({ instanceId, code, atMs }) => ({
        spotInstanceRequestId: `sir-${instanceId.slice(-8)}`,
        instanceId,
        state: 'active',
        status: { code, updateTime: new Date(atMs), message: `Your Spot Instance is ${code}` },
      })),
    }
  },

  ModifyNetworkInterfaceAttribute(cloud, parameters) {
    const nic = text(parameters['NetworkInterfaceId'])
    const instance = [...cloud.instances.values()].find((one) => one.nic === nic)
    if (!instance || cloud.seen(instance, cloud.lagMs()) === null) {
      throw new Refusal('InvalidNetworkInterfaceID.NotFound', `The networkInterface ID '${nic}' does not exist`)
    }
    const value = text(map(parameters['SourceDestCheck'])['Value'])
    if (value !== '') instance.sourceDestCheck = value === 'true'
    return { return: true }
  },

  DescribeVolumes: (cloud, parameters) => ({
    volumeSet: leftovers(cloud, 'volume', parameters).map(({ id, tags }) => ({
      volumeId: id,
      status: 'available',
      tagSet: tagXml(tags),
    })),
  }),

  DescribeNetworkInterfaces: (cloud, parameters) => ({
    networkInterfaceSet: leftovers(cloud, 'network-interface', parameters).map(({ id, tags }) => ({
      networkInterfaceId: id,
      status: 'available',
      tagSet: tagXml(tags),
    })),
  }),

  DeleteVolume(cloud, parameters) {
    const id = text(parameters['VolumeId'])
    if (!cloud.leftovers.delete(id)) throw new Refusal('InvalidVolume.NotFound', `The volume '${id}' does not exist.`)
    return { return: true }
  },

  DeleteNetworkInterface(cloud, parameters) {
    const id = text(parameters['NetworkInterfaceId'])
    if (!cloud.leftovers.delete(id)) throw new Refusal('InvalidNetworkInterfaceID.NotFound')
    return { return: true }
  },
}

/** What a call may act on; what was made a moment ago is not known everywhere yet. */
function visible(cloud: FakeCloud, instanceId: string): FakeInstance {
  const instance = cloud.instances.get(instanceId)
  if (instance && cloud.seen(instance, cloud.lagMs()) !== null) return instance
  throw new Refusal('InvalidInstanceID.NotFound', `The instance ID '${instanceId}' does not exist`)
}

/** Tests a thing, whose properties are asked for by filter names, by the filters of a call. */
function filters(parameters: Parameters): (property: (name: string) => string | undefined) => boolean {
  const wanted = maps(parameters['Filter']).map((filter) => ({
    name: text(filter['Name']),
    values: texts(filter['Value']).map(
      (value) => new RegExp(`^${value.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`),
    ),
  }))
  return (property) => wanted.every(({ name, values }) => values.some((value) => value.test(property(name) ?? '\0')))
}

function page<T>(cloud: FakeCloud, all: readonly T[], parameters: Parameters): { items: T[]; nextToken?: string } {
  const from = Number(text(parameters['NextToken']) || 0)
  const size = Math.min(cloud.pageSize, Number(text(parameters['MaxResults']) || 1000))
  const items = all.slice(from, from + size)
  return from + size < all.length ? { items, nextToken: String(from + size) } : { items }
}

function leftovers(cloud: FakeCloud, kind: FakeLeftover['kind'], parameters: Parameters): FakeLeftover[] {
  const matching = filters(parameters)
  return [...cloud.leftovers.values()].filter(
    (left) => left.kind === kind && matching((name) => left.tags.get(name.replace(/^tag:/, ''))),
  )
}
