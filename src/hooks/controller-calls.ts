import { CausewayError } from '../base/errors.ts'
import type { ReloadReport } from '../elastic/live-config.ts'
import type { KeyReport, NetworkReport } from '../elastic/network-report.ts'
import type { PhaseReport, Reports } from '../elastic/reports.ts'
import type { SiteKeeper, SiteReport } from '../elastic/site-keeper.ts'
import type { EventStore, NewEvent } from '../store/event-store.ts'
import type { EngineFigures, EngineWatch } from './engine-figures.ts'
import type { ReadModel } from './read-model.ts'
import type { JobReport, NodeReport, StatusReport, TimelineReport } from './reports.ts'

/**
 * All that the doors want of the controller behind them. Every call may cross a thread: arguments and results are plain data,
 * rejections are `CausewayError`s.
 */
export interface ControllerCalls {
  status(): Promise<StatusReport>
  nodes(all: boolean): Promise<NodeReport[]>
  timeline(nodeOrId: string): Promise<TimelineReport>
  why(job: string): Promise<JobReport>
  /** The sites and their hosts. */
  sites(): Promise<readonly SiteReport[]>
  /** Takes a site, or a host of it, out of use; and back. */
  drainSite(site: string, host: string | null, reason: string): Promise<SiteReport>
  undrainSite(site: string, host: string | null): Promise<SiteReport>
  /** Reads the policy again, and wakes the loop. */
  reloadPolicy(): Promise<ReloadReport>
  /** The gateways and the paths between them. */
  network(): Promise<NetworkReport>
  /** The keys of the tunnels. */
  keys(): Promise<KeyReport>
  /** Begins to change them. */
  rotateKeys(): Promise<KeyReport>
  reportPhase(id: string, token: string, report: PhaseReport): Promise<void>
  /** Wakes the loop at once, then records the events: all of them, or none when it rejects. */
  recordHooks(events: readonly NewEvent[]): Promise<void>
  /** The ids of the latest hooks that were recorded, latest first. */
  recentHookIds(limit: number): Promise<string[]>
  figures(): Promise<EngineFigures>
}

/** What the calls are answered from. */
export interface ControllerParts {
  readonly readModel: Pick<ReadModel, 'status' | 'nodes' | 'timeline' | 'why'>
  readonly sites: Pick<SiteKeeper, 'report' | 'drain' | 'undrain'>
  readonly policy: { reload(): Promise<ReloadReport> }
  network(): NetworkReport
  /** Null where the overlay is not encrypted. */
  readonly keys: { report(): KeyReport; rotate(): Promise<KeyReport> } | null
  readonly reports: Pick<Reports, 'report'>
  readonly events: Pick<EventStore, 'appendAll' | 'recentHookIds'>
  readonly watch: Pick<EngineWatch, 'figures'>
  /** Wakes the loop. */
  wake(): void
}

/** The calls as the controller itself answers them. */
export function controllerCalls(parts: ControllerParts): ControllerCalls {
  const { readModel, sites, policy, reports, events, watch } = parts
  return {
    status: () => readModel.status(),
    nodes: (all) => readModel.nodes(all),
    timeline: (node) => readModel.timeline(node),
    why: (job) => readModel.why(job),
    sites: () => sites.report(),
    drainSite: (site, host, reason) => sites.drain(site, host, reason),
    undrainSite: (site, host) => sites.undrain(site, host),
    reloadPolicy: async () => {
      const report = await policy.reload()
      parts.wake()
      return report
    },
    network: async () => parts.network(),
    keys: async () => keysOf(parts).report(),
    rotateKeys: async () => keysOf(parts).rotate(),
    reportPhase: (id, token, report) => reports.report(id, token, report),
    recordHooks: (hooks) => {
      parts.wake()
      return events.appendAll(hooks)
    },
    recentHookIds: (limit) => events.recentHookIds(limit),
    figures: async () => watch.figures(),
  }
}

/** @throws CausewayError `NotFound` */
function keysOf({ keys }: ControllerParts): NonNullable<ControllerParts['keys']> {
  if (keys) return keys
  throw new CausewayError(
    'NotFound',
    'the overlay is not encrypted: the configuration has no cluster.overlay.encryption',
  )
}

/** The names of the calls, for who passes them on. */
export const controllerCallNames = [
  'status',
  'nodes',
  'timeline',
  'why',
  'sites',
  'drainSite',
  'undrainSite',
  'reloadPolicy',
  'network',
  'keys',
  'rotateKeys',
  'reportPhase',
  'recordHooks',
  'recentHookIds',
  'figures',
] as const satisfies readonly (keyof ControllerCalls)[]
