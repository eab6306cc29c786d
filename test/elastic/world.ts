import type { Job, QueueNode } from '../../src/elastic/plan/demand.ts'
import type { Observation, SiteMachine, UnreadHost } from '../../src/elastic/plan/observation.ts'
import type { Policy, TypePolicy } from '../../src/elastic/plan/policy.ts'
import type { NodeRecord } from '../../src/store/node-record.ts'

/** A moment well after every default timestamp below. */
export const now = 1_000_000

/** The rules for the one type of a site. */
export function typePolicy(site: string, over: Partial<TypePolicy> = {}): TypePolicy {
  const maximum = over.maximum ?? 2
  return {
    site,
    type: 'standard',
    prefix: site,
    size: { cpus: 8, memoryMiB: 16_000, gpus: 0 },
    features: [`site-${site}`, 'type-standard'],
    minimum: 0,
    maximum,
    names: maximum,
    spare: 0,
    idleMs: 20_000,
    lifetimeMs: 0,
    billingMs: 0,
    costPerHour: 0,
    ...over,
  }
}

export const policy: Policy = {
  types: [typePolicy('east'), typePolicy('west', { maximum: 4 })],
  caps: [],
  budgets: [],
  placement: [],
  retry: { firstMs: 500, mostMs: 30_000 },
  deadlines: { createMs: 10_000, bootMs: 20_000, installMs: 30_000, enrolMs: 15_000, drainMs: 86_400_000 },
  grace: { unreachableMs: 60_000, orphanMs: 60_000, reuseMs: 0 },
  breaker: { failures: 2, cooldownMs: 300_000 },
  paths: { loss: 0.05, rttMs: 100 },
}

export function node(over: Partial<NodeRecord> = {}): NodeRecord {
  return {
    id: 'id-east-1',
    name: 'east-1',
    site: 'east',
    type: 'standard',
    beganAtMs: now - 2000,
    costPerHour: 0,
    billingMs: 0,
    phase: 'ready',
    phaseSinceMs: now - 1000,
    unreachableSinceMs: null,
    host: null,
    address: null,
    leavingAtMs: null,
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
    account: '',
    partition: 'all',
    state: 'pending',
    reason: 'Resources',
    blocked: null,
    nodeCount: 1,
    perNode: { cpus: 0, memoryMiB: 0, gpus: 0 },
    tasksPerNode: null,
    exclusive: false,
    wallMs: null,
    features: '',
    dependency: '',
    beginAtMs: null,
    licences: '',
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
    /** Hosts of either site that can't be read. */
    unreadHosts?: readonly string[]
  } = {},
): Observation {
  const startedAtMs = now
  const unread = { ok: false, startedAtMs, code: 'HostUnreachable', text: 'no answer' } as const
  const dark = (over.unreadHosts ?? []).map(
    (host): UnreadHost => ({ host, code: 'HostUnreachable', text: 'no answer' }),
  )
  const site = (name: 'east' | 'west') =>
    over.unreadSites?.includes(name)
      ? unread
      : ({
          ok: true,
          startedAtMs,
          value: over.machines?.[name] ?? [],
          ...(dark.length > 0 ? { unread: dark } : {}),
        } as const)
  return {
    queue: over.unreadQueue
      ? { ...unread, code: 'SchedulerUnreachable' }
      : { ok: true, startedAtMs, value: { jobs: over.jobs ?? [], nodes: over.queueNodes ?? [] } },
    places: over.places ?? 'scheduler',
    registers: over.registers ?? false,
    confines: over.confines ?? false,
    spent: over.spent ?? new Map(),
    ...(over.paths ? { paths: over.paths } : {}),
    ...(over.drains ? { drains: over.drains } : {}),
    sites: new Map([
      ['east', site('east')],
      ['west', site('west')],
    ]),
    nodes: over.nodes ?? [],
    inFlight: over.inFlight ?? new Set(),
    settledAtMs: over.settledAtMs ?? new Map(),
    breakers: over.breakers ?? new Map(),
    lastFailureMs: over.lastFailureMs ?? new Map(),
    lastGoneMs: over.lastGoneMs ?? new Map(),
    orphansSinceMs: over.orphansSinceMs ?? new Map(),
  }
}
