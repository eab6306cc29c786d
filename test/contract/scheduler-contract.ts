import assert from 'node:assert/strict'
import { after, afterEach, before, suite } from 'node:test'
import type { QueueSnapshot, Size } from '../../src/elastic/plan/demand.ts'
import type { Capabilities, Scheduler } from '../../src/elastic/scheduler.ts'
import { absentNodesContract } from './scheduler-contract-absent.ts'
import { confinesContract } from './scheduler-contract-confines.ts'
import { holdsContract } from './scheduler-contract-holds.ts'
import { presentNodesContract } from './scheduler-contract-present.ts'
import { registeredNodesContract } from './scheduler-contract-registered.ts'
import { makeStage } from './scheduler-stage.ts'

/** A job to submit. Default: one node for itself, of which it needs a CPU, for one second. */
export interface RigJob {
  readonly nodes?: number
  /** How long it runs; or until `finish`, for what is done while it runs, however slow this machine is. */
  readonly runMs?: number | 'until finished'
  readonly features?: string
  readonly perNode?: Partial<Size>
  readonly exclusive?: boolean
}

/**
 * A queue under test: nodes `east-1`, `east-2` (preferred) and `west-1` with two CPUs each, with features `site-east` and
 * `site-west`, all without a machine, and no job, at the start of each test. There can be a machine for `north-1`, of which the
 * scheduler knows nothing.
 */
export interface SchedulerRig {
  readonly scheduler: Scheduler
  submit(spec: RigJob): Promise<string>
  /** Has the only running job that runs `until finished` end now, or soon where time is the test's own. */
  finish(): Promise<void>
  /** The node's machine boots and its daemon registers. */
  machineUp(name: string): Promise<void>
  /** The node's machine dies. */
  machineLost(name: string): Promise<void>
  /** The node's machine, which is there, boots again and its daemon registers, before anybody has missed it. */
  machineReboots(name: string): Promise<void>
  adminDrain(name: string, reason: string): Promise<void>
  hold(job: string, who: 'user' | 'admin'): Promise<void>
  /** An admin ends whatever hold there is. */
  adminRelease(job: string): Promise<void>
  /** The nodes that the scheduler has asked for with its hook since the start of the test, in order. */
  resumed(): readonly string[]
  /** Lets time pass until the queue is as said. */
  until(what: string, holds: (queue: QueueSnapshot) => boolean): Promise<QueueSnapshot>
  /** Takes the scheduler's daemon away for as long as `during` takes. */
  whileAway(during: () => Promise<void>): Promise<void>
  /** Has the scheduler save what it knows. What it returns makes the scheduler start again from there. */
  checkpoint(): Promise<() => Promise<void>>
  reset(): Promise<void>
  close(): Promise<void>
}

/** What every adapter to the port must do, and every fake. Which parts of it depends on who places the jobs. */
export function schedulerContract(
  kind: string,
  places: Capabilities['places'],
  open: () => Promise<SchedulerRig>,
  options: { readonly confines?: boolean } = {},
): void {
  suite(`the scheduler port on ${kind}`, () => {
    let rig: SchedulerRig
    before(async () => {
      rig = await open()
      assert.equal(rig.scheduler.capabilities.places, places)
      assert.equal(rig.scheduler.capabilities.confines, options.confines ?? false)
    })
    afterEach(() => rig.reset())
    after(() => rig?.close())

    const stage = makeStage(places, () => rig)
    if (places === 'scheduler') absentNodesContract(stage)
    else registeredNodesContract(stage)
    presentNodesContract(stage)
    holdsContract(stage)
    if (options.confines === true) confinesContract(stage)
  })
}
