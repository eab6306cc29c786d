import { CausewayError } from '../../src/base/errors.ts'
import { FakeScheduler } from '../fakes/scheduler.ts'
import { type SchedulerRig, schedulerContract } from './scheduler-contract.ts'

schedulerContract('the fake', async () => {
  let queue = makeQueue()
  const current = () => queue.scheduler
  // The suite keeps one scheduler for all tests, the fake is made anew for each.
  const scheduler = new Proxy({} as FakeScheduler, {
    get: (_, property: keyof FakeScheduler) => {
      const value = current()[property]
      return typeof value === 'function' ? value.bind(current()) : value
    },
  })
  const rig: SchedulerRig = {
    scheduler,
    submit: async (spec) => current().submit(spec),
    machineUp: async (name) => current().machineUp(name),
    machineLost: async (name) => current().machineLost(name),
    adminDrain: async (name, reason) => current().adminDrain(name, reason),
    resumed: () => queue.resumed,
    async until(what, holds) {
      for (let ms = 0; ms <= 60_000; ms += 100) {
        const snapshot = await current().snapshot()
        if (holds(snapshot)) return snapshot
        current().tick(100)
      }
      throw new Error(`not within a minute: ${what}`)
    },
    async whileAway(during) {
      current().fault = () => new CausewayError('SchedulerUnreachable', 'away')
      await during()
      current().fault = () => undefined
    },
    async reset() {
      queue = makeQueue()
    },
    async close() {},
  }
  return rig
})

function makeQueue(): { scheduler: FakeScheduler; resumed: string[] } {
  const resumed: string[] = []
  const scheduler = new FakeScheduler([
    { name: 'east-1', weight: 10, features: ['site-east'] },
    { name: 'east-2', weight: 10, features: ['site-east'] },
    { name: 'west-1', weight: 20, features: ['site-west'] },
  ])
  scheduler.onResume = (names) => resumed.push(...names)
  return { scheduler, resumed }
}
