import type { Clock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Acts } from '../../src/elastic/acts.ts'
import { Backoff } from '../../src/elastic/backoff.ts'
import { Loop, type Pace } from '../../src/elastic/loop.ts'
import { NetworkKeeper } from '../../src/elastic/network-keeper.ts'
import { Observer } from '../../src/elastic/observe.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { ApplyGateway } from '../../src/elastic/ports.ts'
import { Reports } from '../../src/elastic/reports.ts'
import type { Scheduler } from '../../src/elastic/scheduler.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import type { Driver } from '../../src/sites/driver.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { JobStore } from '../../src/store/job-store.ts'
import type { NodeRecord } from '../../src/store/node-record.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import type { Db } from '../../src/store/open.ts'
import { machineSpec } from '../support/machine-spec.ts'
import type { Fuse } from './fuse.ts'

/** What is outside the controller's process: it survives a crash. */
export interface Outside {
  readonly db: Db
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly drivers: ReadonlyMap<string, Driver>
  readonly applyGateway: ApplyGateway
  readonly policy: Policy
  newId(): string
}

/** One run of the controller, from its start until its fuse blows: the engine as `causeway controller` joins it. */
export interface Controller {
  readonly loop: Loop
  readonly acts: Acts
  readonly reports: Reports
  readonly fuse: Fuse
}

/** The token of a life's reports. */
export function tokenFor(id: string): string {
  return `token-${id}`
}

/** A new controller on what the last one left. It does nothing until its loop is started or stepped. */
export function bootController(outside: Outside, fuse: Fuse, pace: Pace): Controller {
  const { db, policy } = outside
  const clock: Clock = { now: () => outside.clock.now(), sleep: fuse.sleep(outside.clock) }
  const nodes = fuse.through(new NodeStore(db))
  const drivers = new Map([...outside.drivers].map(([name, driver]) => [name, fuse.through(driver)]))
  const scheduler = fuse.through(outside.scheduler)
  const acts: Acts = new Acts(clock, silentLog, () => loop.wake())
  const gateways = fuse.through({ apply: outside.applyGateway })
  const network = new NetworkKeeper((overlay, gateway) => gateways.apply(overlay, gateway), clock)
  const tools = {
    clock,
    log: silentLog,
    nodes,
    events: fuse.through(new EventStore(db)),
    scheduler,
    drivers,
    acts,
    backoff: new Backoff(clock),
    policy,
    network,
    newId: () => outside.newId(),
    tokenFor,
    wantOverlay: async () => network.want(overlayOf(policy, await nodes.live())),
    machineSpec: (node: NodeRecord) => machineSpec(node.id, { name: node.name, image: '/images/base' }),
  }
  const jobs = fuse.through(new JobStore(db))
  const loop: Loop = new Loop(new Observer(clock, scheduler, drivers, nodes), tools, jobs, pace)
  return { loop, acts, reports: new Reports(nodes, clock, policy, () => loop.wake()), fuse }
}

/** As much of an overlay as makes the keepers of the gateways work. */
function overlayOf(policy: Policy, nodes: readonly NodeRecord[]): Overlay {
  const gateway = (name: string) => ({
    name,
    underlay: '10.250.0.1',
    address: '10.77.0.1',
    mac: '02:43:0a:4d:00:01',
    interception: null,
    routes: false,
  })
  return {
    vni: 77,
    subnet: '10.77.0.0/16',
    underlayMtu: 1500,
    gateways: ['head', ...policy.sites.map((site) => site.name)].map(gateway),
    members: nodes.map((node) => ({
      name: node.name,
      address: '10.77.1.1',
      mac: '02:43:0a:4d:01:01',
      gateway: node.site,
      port: node.id,
    })),
  }
}
