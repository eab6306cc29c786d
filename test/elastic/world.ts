import type { Job, QueueNode } from '../../src/elastic/plan/demand.ts'
import type { Observation, SiteMachine } from '../../src/elastic/plan/observation.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import type { NodeRecord } from '../../src/store/node-record.ts'

/** A moment well after every default timestamp below. */
export const now = 1_000_000

export const policy: Policy = {
  sites: [
    { name: 'east', minimum: 0, maximum: 2, idleMs: 20_000 },
    { name: 'west', minimum: 0, maximum: 4, idleMs: 20_000 },
  ],
  deadlines: { createMs: 10_000, bootMs: 20_000, installMs: 30_000, enrolMs: 15_000 },
  grace: { unreachableMs: 60_000, orphanMs: 60_000 },
  breaker: { failures: 2, cooldownMs: 300_000 },
}

export function node(over: Partial<NodeRecord> = {}): NodeRecord {
  return {
    id: 'id-east-1',
    name: 'east-1',
    site: 'east',
    phase: 'ready',
    phaseSinceMs: now - 1000,
    unreachableSinceMs: null,
    idleSinceMs: null,
    failure: null,
    attempts: 0,
    nextAttemptAtMs: 0,
    jobs: [],
    ...over,
  }
}

export function queueNode(over: Partial<QueueNode> = {}): QueueNode {
  return {
    name: 'east-1',
    power: 'present',
    responding: true,
    busy: false,
    drained: false,
    down: false,
    reason: '',
    features: ['site-east'],
    ...over,
  }
}

export function job(over: Partial<Job> = {}): Job {
  return {
    id: '1',
    name: 'job',
    user: 'alice',
    partition: 'all',
    state: 'pending',
    reason: 'Resources',
    eligible: true,
    nodeCount: 1,
    features: '',
    nodes: [],
    count: 1,
    submittedAtMs: now - 5000,
    startedAtMs: null,
    endedAtMs: null,
    ...over,
  }
}

export function machine(over: Partial<SiteMachine> = {}): SiteMachine {
  return { id: 'id-east-1', name: 'east-1', state: 'running', ...over }
}

/** An observation read just now, of which parts may be replaced. */
export function observation(
  over: Partial<Omit<Observation, 'queue' | 'sites'>> & {
    queueNodes?: readonly QueueNode[]
    jobs?: readonly Job[]
    machines?: { east?: readonly SiteMachine[]; west?: readonly SiteMachine[] }
    unreadQueue?: boolean
    unreadSites?: readonly string[]
  } = {},
): Observation {
  const startedAtMs = now
  const unread = { ok: false, startedAtMs, code: 'HostUnreachable', text: 'no answer' } as const
  const site = (name: 'east' | 'west') =>
    over.unreadSites?.includes(name) ? unread : ({ ok: true, startedAtMs, value: over.machines?.[name] ?? [] } as const)
  return {
    queue: over.unreadQueue
      ? { ...unread, code: 'SchedulerUnreachable' }
      : { ok: true, startedAtMs, value: { jobs: over.jobs ?? [], nodes: over.queueNodes ?? [] } },
    sites: new Map([
      ['east', site('east')],
      ['west', site('west')],
    ]),
    nodes: over.nodes ?? [],
    inFlight: over.inFlight ?? new Set(),
    settledAtMs: over.settledAtMs ?? new Map(),
    breakers: over.breakers ?? new Map(),
    lastFailureMs: over.lastFailureMs ?? new Map(),
    orphansSinceMs: over.orphansSinceMs ?? new Map(),
  }
}
