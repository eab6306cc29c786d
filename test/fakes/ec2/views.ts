import type { FakeCloud, FakeInstance } from './cloud.ts'
import type { Xml } from './xml.ts'

const codes = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48, stopped: 80 } as const

/** An instance as the API shows it, as it was some time ago. */
export function instanceXml(cloud: FakeCloud, instance: FakeInstance, agoMs: number): Xml {
  const name = cloud.stateOf(instance, agoMs) ?? 'pending'
  const gone = name === 'terminated'
  return {
    instanceId: instance.instanceId,
    imageId: instance.imageId,
    instanceState: { code: codes[name], name },
    instanceType: instance.instanceType,
    launchTime: new Date(instance.launchedAtMs),
    placement: { availabilityZone: instance.zone },
    clientToken: instance.token,
    privateIpAddress: gone ? undefined : instance.address,
    instanceLifecycle: instance.market === 'spot' ? 'spot' : undefined,
    tagSet: tagXml(instance.tags),
    networkInterfaceSet: gone ? [] : [{ networkInterfaceId: instance.nic, sourceDestCheck: instance.sourceDestCheck }],
  }
}

export function tagXml(tags: ReadonlyMap<string, string>): Xml {
  return [...tags].map(([key, value]) => ({ key, value }))
}
