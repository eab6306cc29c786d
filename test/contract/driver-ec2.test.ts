import type { Clock } from '../../src/base/clock.ts'
import { Refusal } from '../fakes/ec2/refusal.ts'
import { Ec2Site, ec2Spec } from '../sites/ec2/site.ts'
import { driverContract } from './driver-contract.ts'

const trial = {
  hosts: 2,
  darkens: 'whole',
  fills: true,
  announces: true,
  refuses: ['RateLimited', 'Unauthorized'],
} as const

/** The real time, with shorter pauses. */
const hasty: Clock = {
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 15))),
}

const refusals = {
  RateLimited: new Refusal('RequestLimitExceeded', 'Request limit exceeded.', 503, { 'retry-after': '1' }),
  Unauthorized: new Refusal('UnauthorizedOperation', 'You are not authorized to perform this operation.', 403),
}

driverContract('Ec2Driver', trial, async () => {
  const site = await Ec2Site.start(hasty)
  // What calls see is 20 ms old, for all alike: what one driver made, another could not see otherwise. Instances take a while to end.
  const visibleWithinMs = 60
  site.cloud.lagMs = () => 20
  site.cloud.endsInMs = 30
  const make = (cluster: string) => site.driver({ cluster, visibleWithinMs })
  return {
    driver: make('lab'),
    restarted: () => make('lab'),
    other: make('other'),
    spec: (id, cluster = 'lab') => ec2Spec(id, { cluster }),
    cutPower: async (id) => {
      site.cloud.stop(id)
      await shown()
    },
    print: async (id, text) => void (site.cloud.ofId(id).printed += text),
    remains: async () => site.cloud.remains(),
    darken: async ({ length }) => void (site.api.interfere = () => (length > 0 ? 'cut before' : null)),
    fill: async (full) => void (site.cloud.quota = full ? site.cloud.alive().length : Infinity),
    announce: async (id, { atMs, reason }) => void (site.cloud.ofId(id).announced = { atMs, reason, how: 'event' }),
    refuse: async (how) => void (site.api.interfere = () => how && refusals[how]),
    close: () => site.close(),
  }
})

/** Until everybody sees what was done to the cloud from outside. */
function shown(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 25))
}
