import { randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import type { ControllerConfig } from '../../src/config/controller-schema.ts'
import { createEngine } from '../../src/elastic/engine.ts'
import type { Loop } from '../../src/elastic/loop.ts'
import { machineSpec } from '../../src/elastic/machine-spec.ts'
import { overlayFromNodes } from '../../src/elastic/overlay-from-nodes.ts'
import type { QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import { PolicyClock } from '../../src/elastic/policy-clock.ts'
import { policyRules } from '../../src/elastic/policy-rules.ts'
import { defaultCapabilities, type Scheduler } from '../../src/elastic/scheduler.ts'
import { tokenFor } from '../../src/elastic/tokens.ts'
import { noFacts } from '../../src/network/facts.ts'
import type { Machine } from '../../src/sites/driver.ts'
import { loadBoot } from '../../src/sites/seed.ts'
import { noSnippets } from '../../src/sites/snippets.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { JobStore } from '../../src/store/job-store.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import type { Db } from '../../src/store/open.ts'
import { memoryDriver } from '../memory-driver.ts'

/** What is outside the controller: a queue and sites that answer at once. */
export interface Outside {
  queue: QueueSnapshot
  /** By site name. */
  readonly machines: ReadonlyMap<string, Map<string, Machine>>
  /** Called when a site is told to make a machine. */
  created(name: string): void
  /** Called when the loop has nothing more to do. */
  resting(): void
}

/** How long wake-ups are gathered into one round, ms: what the controller uses. */
export const batchMs = 20

/** How long the loop sleeps if nothing happens, ms: longer than a benchmark takes. */
const pollMs = 120_000

/** The controller's engine as `causeway controller` joins it, on a world that costs nothing. */
export async function engineOn(config: ControllerConfig, outside: Outside, db: Db): Promise<Loop> {
  const clock: Clock = {
    now: () => systemClock.now(),
    sleep: (ms, signal) => {
      if (ms === pollMs) outside.resting()
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
    scheduler: schedulerOf(outside),
    drivers: new Map(
      [...outside.machines].map(([site, machines]) => [
        site,
        memoryDriver(site, machines, (name) => outside.created(name)),
      ]),
    ),
    applyGateway: async () => ({ pending: [] }),
    pace: { batchMs, pollMs, busyPollMs: pollMs },
    policyAt: () => policy,
    newId: randomUUID,
    tokenFor: (id) => tokenFor(secret, id),
    overlay: (living) => overlayFromNodes(config, living),
    registration: () => null,
    machineSpec: (node, token) =>
      machineSpec(config, node, { token, boot, join: '', role, snippets: () => noSnippets, facts: noFacts }),
  })
  return loop
}

function schedulerOf(outside: Outside): Scheduler {
  const accept = async () => undefined
  return {
    kind: 'bench',
    capabilities: { ...defaultCapabilities, places: 'scheduler' },
    snapshot: async () => outside.queue,
    register: accept,
    powerUp: accept,
    drain: accept,
    cancelDrain: accept,
    powerDown: accept,
    fail: accept,
    close: accept,
    reopen: accept,
    hold: accept,
    release: accept,
    confine: accept,
    explain: accept,
  }
}
