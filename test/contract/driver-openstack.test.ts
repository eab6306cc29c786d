import { ScratchCloud } from '../sites/openstack/scratch-cloud.ts'
import { driverContract } from './driver-contract.ts'

const site = {
  hosts: 2,
  darkens: 'each',
  fills: true,
  announces: false,
  refuses: ['RateLimited', 'Unauthorized'],
} as const

driverContract('OpenStackDriver', site, async () => {
  // The machine's own time, which the suite looks at, and the few ms besides that are slept.
  const scratch = await ScratchCloud.create(() => Date.now(), 1)
  const { cloud } = scratch
  cloud.delays = { listed: 3, bound: 2, built: 5, gone: 2 }
  return {
    driver: scratch.driver(),
    restarted: () => scratch.driver(),
    other: scratch.driver({ cluster: 'other' }),
    spec: (id, cluster = 'lab') => scratch.spec(id, { cluster }),
    cutPower: async (id) => void (cloud.serverOf(id).status = 'SHUTOFF'),
    print: async (id, text) => void (cloud.serverOf(id).printed += text),
    remains: async () => cloud.remains(),
    darken: async (zones) => {
      cloud.darkZones.clear()
      for (const zone of zones) cloud.darkZones.add(zone)
      const isAway = zones.length === cloud.zones.length
      cloud.interfere = () => (isAway ? { moment: 'before', answer: 'cut' } : null)
    },
    fill: async (isFull) => void (cloud.instances = isFull ? cloud.servers.size : 100),
    refuse: async (how) => {
      const retry = {
        status: 429,
        headers: { 'retry-after': '7' },
        body: { overLimit: { code: 429, message: 'Slow down.' } },
      }
      const unknown = { status: 401, body: { error: { code: 401, message: 'The request requires authentication.' } } }
      const answer = how === 'RateLimited' ? retry : unknown
      cloud.interfere = () => (how === null ? null : { moment: 'before', answer })
    },
    close: () => scratch.close(),
  }
})
