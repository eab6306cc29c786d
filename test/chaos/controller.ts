import type { Clock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { createEngine, type Engine } from '../../src/elastic/engine.ts'
import type { Pace } from '../../src/elastic/loop.ts'
import type { Path } from '../../src/elastic/plan/observation.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { ApplyGateway } from '../../src/elastic/ports.ts'
import type { Scheduler } from '../../src/elastic/scheduler.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import type { Driver } from '../../src/sites/driver.ts'
import type { Drain } from '../../src/store/drain-store.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { JobStore } from '../../src/store/job-store.ts'
import type { NodeRecord } from '../../src/store/node-record.ts'
import type { NodeStore } from '../../src/store/node-store.ts'
import type { Db } from '../../src/store/open.ts'
import { bareOverlay } from '../network/sample.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { someRegistration } from '../support/registration.ts'
import type { Fuse } from './fuse.ts'

/** What is outside the controller's process: it survives a crash. */
export interface Outside {
  readonly db: Db
  readonly nodes: NodeStore
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly drivers: ReadonlyMap<string, Driver>
  readonly applyGateway: ApplyGateway
  policyAt(now: number): Policy
  newId(): string
  /** What is known of the paths between gateways; left out: nobody measures them. */
  paths?(): readonly Path[]
  /** Sites and hosts that are to be empty; left out: none ever is. */
  drains?(): Promise<readonly Drain[]>
}

/** One run of the controller, from its start until its fuse blows: the engine as `causeway controller` joins it. */
export interface Controller extends Engine {
  readonly fuse: Fuse
}

/** The token of a life's reports. */
export function tokenFor(id: string): string {
  return `token-${id}`
}

/** A new controller on what the last one left. It does nothing until its loop is started or stepped. */
export function bootController(outside: Outside, fuse: Fuse, pace: Pace): Controller {
  const { db } = outside
  const gateways = fuse.through({ apply: outside.applyGateway })
  const engine = createEngine({
    clock: { now: () => outside.clock.now(), sleep: fuse.sleep(outside.clock) },
    log: silentLog,
    nodes: fuse.through(outside.nodes),
    events: fuse.through(new EventStore(db)),
    jobs: fuse.through(new JobStore(db)),
    scheduler: fuse.through(outside.scheduler),
    drivers: new Map([...outside.drivers].map(([name, driver]) => [name, fuse.through(driver)])),
    applyGateway: (overlay, gateway) => gateways.apply(overlay, gateway),
    pace,
    policyAt: (now) => outside.policyAt(now),
    newId: () => outside.newId(),
    drains: async () => (await outside.drains?.()) ?? [],
    ...(outside.paths ? { paths: () => outside.paths?.() ?? [] } : {}),
    tokenFor,
    overlay: (nodes) => overlayOf([...outside.drivers.keys()], nodes),
    registration: ({ name, site, type }) => {
      const { types } = outside.policyAt(outside.clock.now())
      const rank = types.findIndex((one) => one.site === site && one.type === type)
      const { size, features } = types[rank] ?? {}
      return size && features ? someRegistration({ name, site, type, size, features, rank }) : null
    },
    machineSpec: (node) => machineSpec(node.id, { name: node.name, image: '/images/base' }),
  })
  return { ...engine, fuse }
}

/** As much of an overlay as makes the keepers of the gateways work. */
function overlayOf(sites: readonly string[], nodes: readonly NodeRecord[]): Overlay {
  const gateway = (name: string) => ({
    name,
    underlay: '10.250.0.1',
    address: '10.77.0.1',
    mac: '02:43:0a:4d:00:01',
    address6: null,
    interception: null,
    routes: false,
    nat: false,
  })
  return {
    ...bareOverlay,
    gateways: ['head', ...sites].map(gateway),
    members: nodes.map((node) => ({
      name: node.name,
      address: '10.77.1.1',
      mac: '02:43:0a:4d:01:01',
      gateway: node.site,
      port: node.id,
      address6: null,
      fixed: false,
    })),
  }
}
