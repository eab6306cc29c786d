import { randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import type { ControllerConfig } from '../../src/config/controller-schema.ts'
import { createEngine } from '../../src/elastic/engine.ts'
import type { Loop } from '../../src/elastic/loop.ts'
import { machineSpec } from '../../src/elastic/machine-spec.ts'
import { overlayFromNodes } from '../../src/elastic/overlay-from-nodes.ts'
import { PolicyClock } from '../../src/elastic/policy-clock.ts'
import { policyRules } from '../../src/elastic/policy-rules.ts'
import { registrationOf } from '../../src/elastic/registrations.ts'
import type { Scheduler } from '../../src/elastic/scheduler.ts'
import { tokenFor } from '../../src/elastic/tokens.ts'
import { noFacts } from '../../src/network/facts.ts'
import { loadBoot } from '../../src/sites/seed.ts'
import { noSnippets } from '../../src/sites/snippets.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { JobStore } from '../../src/store/job-store.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import type { Db } from '../../src/store/open.ts'
import { memoryDriver } from '../memory-driver.ts'

/** The engine with what is to be seen of it. */
export interface BenchController {
  readonly loop: Loop
  /** Rounds so far. */
  rounds(): number
  /** Called when the loop begins to wait for the longest time. */
  onRest: () => void
  /** Called when a site is told to make a machine. */
  onCreate: () => void
}

/** The controller's engine as `causeway controller` joins it, on a real queue and sites that make nothing and answer at once. */
export async function controllerOn(config: ControllerConfig, scheduler: Scheduler, db: Db): Promise<BenchController> {
  const { batch: batchMs, poll: pollMs } = config.controller
  let rounds = 0
  const clock: Clock = {
    now: () => systemClock.now(),
    sleep: (ms, signal) => {
      if (ms === pollMs) seen.onRest()
      return systemClock.sleep(ms, signal)
    },
  }
  const policy = new PolicyClock(policyRules(config)).at(Date.now())
  const boot = await loadBoot()
  const role = { program: '', env: {}, files: [] }
  const secret = new Uint8Array(32)
  const { loop } = createEngine({
    clock,
    log: silentLog,
    nodes: new NodeStore(db),
    events: new EventStore(db),
    jobs: new JobStore(db),
    scheduler,
    drivers: new Map(
      Object.keys(config.sites).map((site) => [site, memoryDriver(site, new Map(), () => seen.onCreate())]),
    ),
    applyGateway: async () => ({ pending: [] }),
    pace: { batchMs, pollMs, busyPollMs: 500 },
    policyAt: () => policy,
    newId: randomUUID,
    tokenFor: (id) => tokenFor(secret, id),
    overlay: (living) => overlayFromNodes(config, living),
    registration: (node) => registrationOf(config, node),
    machineSpec: (node, token) =>
      machineSpec(config, node, { token, boot, join: '', role, snippets: () => noSnippets, facts: noFacts }),
    record: () => {
      rounds += 1
    },
  })
  const seen: BenchController = { loop, rounds: () => rounds, onRest: () => undefined, onCreate: () => undefined }
  return seen
}
