import assert from 'node:assert/strict'
import type { Job, QueueNode, QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import type { Capabilities, Scheduler } from '../../src/elastic/scheduler.ts'
import type { SchedulerRig } from './scheduler-contract.ts'

/** The nodes of the queue under test. */
export const all = ['east-1', 'east-2', 'west-1']

/** What `Stage.facts` says of a node without a machine, and of an idle one. */
export const absent = { power: 'absent', busy: false, drained: false, down: false, reason: '' }
export const idle = { ...absent, power: 'present' }

/** What the tests of the contract look at the queue with. `rig` and `scheduler` can be used once the rig is open. */
export interface Stage {
  readonly rig: SchedulerRig
  readonly scheduler: Scheduler
  readonly places: Capabilities['places']
  readonly node: (queue: QueueSnapshot, name: string) => QueueNode
  readonly job: (queue: QueueSnapshot, id: string) => Job
  readonly facts: (queue: QueueSnapshot, name: string) => object
  readonly untilJob: (id: string, state: Job['state']) => Promise<QueueSnapshot>
  /** Until the scheduler has looked at the job and says why it waits. */
  readonly untilLookedAt: (id: string) => Promise<QueueSnapshot>
  readonly untilPower: (name: string, power: QueueNode['power']) => Promise<QueueSnapshot>
  /** Until the scheduler knows that there is no machine, or knows no such node any more. */
  readonly untilGone: (name: string, but?: { drained: boolean; reason: string }) => Promise<void>
  /** Brings a node up without a job. */
  readonly bringUp: (name: string) => Promise<void>
}

export function makeStage(places: Capabilities['places'], opened: () => SchedulerRig): Stage {
  const rig = lazily(opened)
  const scheduler = lazily(() => opened().scheduler)
  const node = (queue: QueueSnapshot, name: string): QueueNode => {
    const found = queue.nodes.find((candidate) => candidate.name === name)
    assert.ok(found, `no node ${name}`)
    return found
  }
  const job = (queue: QueueSnapshot, id: string): Job => {
    const found = queue.jobs.find((candidate) => candidate.id === id)
    assert.ok(found, `no job ${id}`)
    return found
  }
  const facts = (queue: QueueSnapshot, name: string) => {
    const { power, busy, drained, down, reason } = node(queue, name)
    return { power, busy, drained, down, reason }
  }
  return {
    rig,
    scheduler,
    places,
    node,
    job,
    facts,
    untilJob: (id, state) => rig.until(`job ${id} is ${state}`, (queue) => job(queue, id).state === state),
    untilLookedAt: (id) => rig.until(`job ${id} was looked at`, (queue) => job(queue, id).reason !== ''),
    untilPower: (name, power) => rig.until(`${name} is ${power}`, (queue) => node(queue, name).power === power),
    async untilGone(name, but) {
      if (places === 'causeway') {
        await rig.until(`${name} is unknown`, (queue) => !queue.nodes.some((candidate) => candidate.name === name))
      } else {
        const queue = await rig.until(`${name} is absent`, (now) => node(now, name).power === 'absent')
        assert.deepEqual(facts(queue, name), { ...absent, ...but })
      }
    },
    async bringUp(name) {
      if (places === 'scheduler') {
        await scheduler.powerUp([name])
        await rig.until(`the hook asks for ${name}`, () => rig.resumed().includes(name))
      }
      await rig.machineUp(name)
      await rig.until(`${name} is idle`, (queue) =>
        queue.nodes.some(
          (candidate) => candidate.name === name && candidate.power === 'present' && candidate.responding,
        ),
      )
    },
  }
}

/** The tests are written down before there is anything to test. */
function lazily<T extends object>(get: () => T): T {
  return new Proxy({} as T, {
    get(_, property) {
      const target = get()
      const value: unknown = Reflect.get(target, property)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
