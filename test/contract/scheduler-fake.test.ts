import { CausewayError } from '../../src/base/errors.ts'
import type { Capabilities } from '../../src/elastic/scheduler.ts'
import { FakeScheduler } from '../fakes/scheduler.ts'
import { type SchedulerRig, schedulerContract } from './scheduler-contract.ts'

/** Of the fake's time, which passes only while something is waited for. */
const lastingMs = 15_000

for (const places of ['scheduler', 'causeway'] as const) {
  const confines = places === 'causeway'
  schedulerContract(`the fake, where the ${places} places`, places, () => openFake(places), { confines })
}

async function openFake(places: Capabilities['places']): Promise<SchedulerRig> {
  let queue = makeQueue(places)
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
    submit: async ({ runMs = 1000, ...spec }) =>
      current().submit({ ...spec, runMs: runMs === 'until finished' ? lastingMs : runMs }),
    finish: async () => undefined,
    machineUp: async (name) => current().machineUp(name),
    machineLost: async (name) => current().machineLost(name),
    machineReboots: async (name) => current().machineRebooted(name),
    hold: async (job) => current().userHold(job),
    adminRelease: async (job) => current().letGo(job),
    async checkpoint() {
      const restore = current().checkpoint()
      return async () => restore()
    },
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
      queue = makeQueue(places)
    },
    async close() {},
  }
  return rig
}

function makeQueue(places: Capabilities['places']): { scheduler: FakeScheduler; resumed: string[] } {
  const resumed: string[] = []
  const size = { cpus: 2, memoryMiB: 500 }
  const scheduler = new FakeScheduler(
    [
      { name: 'east-1', weight: 10, features: ['site-east'], size },
      { name: 'east-2', weight: 10, features: ['site-east'], size },
      { name: 'west-1', weight: 20, features: ['site-west'], size },
    ],
    // As slow to notice as Slurm is.
    {
      places,
      confines: places === 'causeway',
      registers: places === 'scheduler',
      reregisters: places === 'causeway',
      times: { missedMs: 300_000 },
    },
  )
  scheduler.onResume = (names) => resumed.push(...names)
  return { scheduler, resumed }
}
