import type { Clock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import { isJobOrElement } from '../base/job-id.ts'
import { countBadSteps } from '../elastic/hold-back.ts'
import type { LiveConfig } from '../elastic/live-config.ts'
import type { View } from '../elastic/loop.ts'
import { nodeAddress } from '../elastic/overlay-from-nodes.ts'
import { isClosed, isHalfOpen } from '../elastic/plan/breaker.ts'
import { createContext } from '../elastic/plan/context.ts'
import { Ledger } from '../elastic/plan/cost.ts'
import { judgePaths } from '../elastic/plan/paths.ts'
import { typeKey } from '../elastic/plan/policy.ts'
import type { EventStore, PhaseTime } from '../store/event-store.ts'
import type { JobRecord, JobStore } from '../store/job-store.ts'
import type { NodeRecord } from '../store/node-record.ts'
import type { NodeStore } from '../store/node-store.ts'
import type { JobReport, NodeReport, StatusReport, TimelineReport } from './reports.ts'

/** What the read model looks at. */
export interface ReadSources {
  readonly clock: Clock
  readonly config: Pick<LiveConfig, 'current' | 'policyAt' | 'windowsAt'>
  readonly nodes: NodeStore
  readonly events: EventStore
  readonly jobs: JobStore
  view(): View | null
  brokenGateways(): ReadonlyMap<string, Error>
}

/** Answers what admins and users ask; changes nothing. */
export class ReadModel {
  readonly #from: ReadSources

  constructor(sources: ReadSources) {
    this.#from = sources
  }

  /** Sites, live nodes and the queue, as of the last round. */
  async status(): Promise<StatusReport> {
    const { config, clock, nodes } = this.#from
    const view = this.#from.view()
    const live = await this.#reports(await nodes.live(), 'live')
    const breakers = await nodes.breakers()
    const broken = this.#from.brokenGateways()
    const now = clock.now()
    const policy = config.policyAt(now)
    const jobs: Record<string, number> = {}
    const paths = view && judgePaths(view.observation, policy)
    const queue = view?.observation.queue
    for (const job of queue?.ok ? queue.value.jobs : []) jobs[job.state] = (jobs[job.state] ?? 0) + job.count
    return {
      cluster: config.current.cluster.name,
      atMs: now,
      observedAtMs: view?.plan.atMs ?? null,
      refusedSteps: countBadSteps(view?.findings ?? []),
      queue: { reachable: queue?.ok ?? false, text: queue && !queue.ok ? queue.text : '', jobs },
      drains: view?.observation.drains ?? [],
      windows: config.windowsAt(now),
      budgets: view ? new Ledger(createContext(view.observation, policy, now)).state() : [],
      types: policy.types.map((type) => {
        const { site, minimum, maximum, spare, costPerHour } = type
        const reading = view?.observation.sites.get(site)
        const breaker = breakers.get(typeKey(type))
        const phases: Record<string, number> = {}
        for (const node of live) {
          if (node.site === site && node.type === type.type) phases[node.phase] = (phases[node.phase] ?? 0) + 1
        }
        return {
          site,
          type: type.type,
          minimum,
          maximum,
          spare,
          costPerHour,
          reachable: reading?.ok ?? false,
          closedUntilMs: isClosed(breaker, now) ? (breaker?.closedUntilMs ?? null) : null,
          halfOpen: isHalfOpen(breaker, now),
          trouble: [
            reading && !reading.ok ? reading.text : '',
            ...(reading?.ok ? (reading.unread ?? []) : []).map(
              ({ host, text }) => `host ${host} can't be read: ${text}`,
            ),
            paths?.cutOff(site)?.text ?? '',
            broken.get(site)?.message ?? '',
          ]
            .filter(Boolean)
            .join('; '),
          phases,
        }
      }),
      nodes: live,
    }
  }

  /** Live nodes; with `all` also those that are gone, oldest first. */
  async nodes(all: boolean): Promise<NodeReport[]> {
    const { nodes } = this.#from
    return all ? this.#reports(await nodes.all(), 'all') : this.#reports(await nodes.live(), 'live')
  }

  /**
   * What happened in a node's lives, latest life last.
   * @param nodeOrId a node's name, or the id of one life
   * @throws CausewayError `NotFound`
   */
  async timeline(nodeOrId: string): Promise<TimelineReport> {
    const { nodes, events } = this.#from
    const byId = await nodes.get(nodeOrId)
    const ids = byId ? [byId.id] : (await events.livesOf(nodeOrId, 5)).toReversed()
    if (ids.length === 0) throw new CausewayError('NotFound', `no node has ever been called ${nodeOrId}`)
    const lives = await Promise.all(ids.map(async (id) => ({ id, events: await events.ofNode(id) })))
    return { node: byId?.name ?? nodeOrId, lives }
  }

  /**
   * Why a job is where it is: what the last round says of it, what was recorded of it, and what happened to its nodes.
   * @throws CausewayError `NotFound`
   */
  async why(job: string): Promise<JobReport> {
    const { jobs, events } = this.#from
    const reasons = this.#from.view()?.plan.jobs.filter((r) => isJobOrElement(r.job, job)) ?? []
    const [records, history] = await Promise.all([jobs.find(job), events.ofJob(job)])
    if (reasons.length === 0 && records.length === 0 && history.length === 0) {
      throw new CausewayError('NotFound', `no job ${job} has been seen in the queue`)
    }
    return { job, now: reasons, jobs: records satisfies JobRecord[], history }
  }

  async #reports(nodes: readonly NodeRecord[], of: 'live' | 'all'): Promise<NodeReport[]> {
    const { config, clock, events } = this.#from
    const waiting = this.#from.view()?.plan.waiting
    const now = clock.now()
    const times = await events.phaseTimes(of)
    return nodes.map((node) => ({
      name: node.name,
      id: node.id,
      site: node.site,
      type: node.type,
      host: node.host,
      phase: node.unreachableSinceMs === null || node.phase === 'gone' ? node.phase : 'unreachable',
      sinceMs: node.unreachableSinceMs ?? node.phaseSinceMs,
      ageMs: now - (node.unreachableSinceMs ?? node.phaseSinceMs),
      address: nodeAddress(config.current, node),
      reason: node.failure ? `${node.failure.code}: ${node.failure.text}` : (waiting?.get(node.id)?.text ?? ''),
      failure: node.failure,
      jobs: node.jobs,
      phasesMs: phaseDurations(times.get(node.id) ?? [], now),
    }))
  }
}

/** How long a node was in each phase, ms; the last one until `now` unless it is `gone`. */
function phaseDurations(phases: readonly PhaseTime[], now: number): Record<string, number> {
  const spent: Record<string, number> = {}
  for (const [index, { phase, atMs }] of phases.entries()) {
    if (phase === 'gone') continue
    spent[phase] = (spent[phase] ?? 0) + (phases[index + 1]?.atMs ?? now) - atMs
  }
  return spent
}
