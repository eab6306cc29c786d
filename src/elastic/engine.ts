import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Overlay } from '../network/overlay.ts'
import type { Driver, MachineSpec } from '../sites/driver.ts'
import type { Drain } from '../store/drain-store.ts'
import type { EventStore } from '../store/event-store.ts'
import type { JobStore } from '../store/job-store.ts'
import type { NodeRecord } from '../store/node-record.ts'
import type { NodeStore } from '../store/node-store.ts'
import { Acts } from './acts.ts'
import { Backoff } from './backoff.ts'
import { CacheWarmer } from './cache-warmer.ts'
import { Explainer } from './explainer.ts'
import { Loop, type Pace, type View } from './loop.ts'
import { NetworkKeeper } from './network-keeper.ts'
import { Observer } from './observe.ts'
import type { Path } from './plan/observation.ts'
import { plan } from './plan/plan.ts'
import type { Policy } from './plan/policy.ts'
import type { ApplyGateway, WarmCache } from './ports.ts'
import { Reports } from './reports.ts'
import type { Registration, Scheduler } from './scheduler.ts'

/** All that the engine meets the world through. */
export interface EnginePorts {
  readonly clock: Clock
  readonly log: Logger
  readonly nodes: NodeStore
  readonly events: EventStore
  readonly jobs: JobStore
  readonly scheduler: Scheduler
  readonly drivers: ReadonlyMap<string, Driver>
  readonly applyGateway: ApplyGateway
  readonly pace: Pace
  /** The rules that are in force at a time. */
  policyAt(now: number): Policy
  /** When other rules come into force; see `Tools`. */
  policyChangesAtMs?(now: number): number | null
  /** A new unique id for a life. */
  newId(): string
  /** The token of a life; the same for the same id. */
  tokenFor(id: string): string
  /** What is known of the paths between gateways; left out: nobody measures them. */
  paths?(): readonly Path[]
  /** Sites and hosts that are to be empty; left out: none ever is. */
  drains?(): Promise<readonly Drain[]>
  /** What the overlay must be for these nodes. */
  overlay(nodes: readonly NodeRecord[]): Overlay
  /** What the scheduler has to know of a node; null when there is no place for it. */
  registration(node: Pick<NodeRecord, 'name' | 'site' | 'type'>): Registration | null
  /** The machine for a node, with the token that its reports must carry. */
  machineSpec(node: NodeRecord, token: string): MachineSpec
  /** Tells sites' caches which roles' packages will be wanted; left out: nobody does. */
  readonly warm?: {
    readonly cache: WarmCache
    rolesOf(type: { readonly site: string; readonly type: string }): readonly string[]
  }
  /** Whether the queue is to be told why its jobs wait. Default: no. */
  readonly explains?: boolean
  /** Makes the plans: the planner, but in tests of what is done with a plan. */
  readonly decide?: typeof plan
  /** Takes each round down, without delay. */
  readonly record?: (round: Pick<View, 'observation' | 'plan'>) => void
}

/** The controller without its doors. It does nothing until its loop is started or told to go round. */
export interface Engine {
  readonly loop: Loop
  readonly acts: Acts
  readonly network: NetworkKeeper
  readonly reports: Reports
}

/** Joins the parts: the same way in the controller, in the simulation of faults and in benchmarks. */
export function createEngine(ports: EnginePorts): Engine {
  const { clock, log, nodes, events, jobs, scheduler, drivers, pace, record } = ports
  const decide: typeof plan = (observation, policy, now) => {
    const made = (ports.decide ?? plan)(observation, policy, now)
    record?.({ observation, plan: made })
    return made
  }
  const policyAt = (now: number) => ports.policyAt(now)
  const drains = async () => (await ports.drains?.()) ?? []
  const network = new NetworkKeeper(ports.applyGateway, clock)
  const acts: Acts = new Acts(clock, log, () => loop.wake())
  const { warm } = ports
  const tools = {
    clock,
    log,
    nodes,
    events,
    scheduler,
    drivers,
    acts,
    ...(ports.explains === true ? { explainer: new Explainer(scheduler, clock, log) } : {}),
    ...(warm
      ? {
          warmer: new CacheWarmer({
            clock,
            log,
            events,
            warmCache: (site, roles) => warm.cache(site, roles),
            rolesOf: (type) => warm.rolesOf(type),
          }),
        }
      : {}),
    backoff: new Backoff(clock),
    network,
    unasked: new Set<string>(),
    policyAt,
    policyChangesAtMs: (now: number) => ports.policyChangesAtMs?.(now) ?? null,
    newId: () => ports.newId(),
    tokenFor: (id: string) => ports.tokenFor(id),
    wantOverlay: async () => network.want(ports.overlay(await nodes.live())),
    registration: (node: Pick<NodeRecord, 'name' | 'site' | 'type'>) => ports.registration(node),
    machineSpec: (node: NodeRecord, token: string) => ports.machineSpec(node, token),
    drains,
  }
  const paths = ports.paths && (() => ports.paths?.() ?? [])
  const observer = new Observer(clock, scheduler, drivers, nodes, { drains, ...(paths ? { paths } : {}) })
  const loop: Loop = new Loop(observer, tools, jobs, pace, decide)
  return { loop, acts, network, reports: new Reports(nodes, clock, policyAt, () => loop.wake()) }
}
