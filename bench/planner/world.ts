import type { Job, QueueNode } from '../../src/elastic/plan/demand.ts'
import type { Observation, SiteMachine } from '../../src/elastic/plan/observation.ts'
import { nodeName, type Policy } from '../../src/elastic/plan/policy.ts'
import type { NodeRecord, Phase } from '../../src/store/node-record.ts'
import { seeded } from './random.ts'

/** When all observations were made, ms since the epoch. */
export const now = 1_800_000_000_000

/** How big an observation is; a tenth of the names have no machine. */
export interface Size {
  readonly jobs: number
  /** Names over all sites. */
  readonly nodes: number
}

/** What an observation is about; `features` draws the sites that a pending job names. */
export interface WorldOptions extends Size {
  readonly features?: (random: () => number) => string
  /** Who places the jobs; by default the scheduler. */
  readonly places?: Observation['places']
}

const siteCount = 10
export const siteNames = Array.from({ length: siteCount }, (_, index) => `site${index}`)

/** The rules for ten sites that have room for `nodes` together. */
export function policyFor(nodes: number): Policy {
  return {
    types: siteNames.map((site) => ({
      site,
      type: 'standard',
      prefix: site,
      size: { cpus: 16, memoryMiB: 64_000, gpus: 0 },
      features: [`site-${site}`, 'type-standard'],
      minimum: 2,
      maximum: Math.ceil(nodes / siteCount),
      names: Math.ceil(nodes / siteCount),
      spare: 1,
      idleMs: 300_000,
      lifetimeMs: 600_000,
      billingMs: 0,
      costPerHour: 0.5,
    })),
    caps: [{ of: 'user', name: '*', nodes: 2000 }],
    budgets: [{ period: 'day', site: null, amount: 1e6, startMs: now - 43_200_000, endMs: now + 43_200_000 }],
    placement: [],
    retry: { firstMs: 500, mostMs: 30_000 },
    deadlines: { createMs: 60_000, bootMs: 120_000, installMs: 300_000, enrolMs: 60_000, drainMs: 86_400_000 },
    grace: { unreachableMs: 600_000, orphanMs: 300_000, reuseMs: 10_000 },
    breaker: { failures: 3, cooldownMs: 300_000 },
    paths: { loss: 0.05, rttMs: Infinity },
  }
}

/** A share of the names, by phase; the rest have no node: half of them are asked for, half are free. */
const phases: readonly (readonly [number, Phase])[] = [
  [0.02, 'planned'],
  [0.02, 'creating'],
  [0.03, 'booting'],
  [0.03, 'installing'],
  [0.02, 'enrolling'],
  [0.68, 'ready'],
  [0.04, 'draining'],
  [0.02, 'failed'],
  [0.04, 'deleting'],
]

/**
 * A busy day: nodes in all phases, a fifth of the jobs run or start on them, the others wait; one site is closed, one can't
 * be read, and there are machines that nobody knows. The same options and seed give the same day.
 */
export function observe(options: WorldOptions, seed: number): Observation {
  const random = seeded(seed)
  const nodes: NodeRecord[] = []
  const queueNodes: QueueNode[] = []
  const machines = new Map<string, SiteMachine[]>(siteNames.map((name) => [name, []]))
  for (const site of siteNames) {
    for (let k = 1; k <= options.nodes / siteCount; k++) {
      const name = nodeName(site, k)
      const phase = draw(random())
      queueNodes.push(inQueue(name, site, phase, random))
      if (phase === null) continue
      const id = `00000000-0000-4000-8000-${String(nodes.length).padStart(12, '0')}`
      nodes.push(node(id, name, site, phase, random))
      const listed = phase !== 'planned' && random() > 0.002
      if (listed) machines.get(site)?.push({ id: random() > 0.002 ? id : `lost-${id}`, name, state: 'running' })
    }
  }
  const startedAtMs = now - 100
  const unread = { ok: false, startedAtMs, code: 'HostUnreachable', text: 'no answer' } as const
  return {
    queue: { ok: true, startedAtMs, value: { jobs: drawJobs(options, queueNodes, random), nodes: queueNodes } },
    sites: new Map(
      [...machines].map(([name, value]) => [name, name === 'site8' ? unread : { ok: true, startedAtMs, value }]),
    ),
    nodes,
    inFlight: new Set(nodes.filter(() => random() < 0.01).map(({ id }) => id)),
    settledAtMs: new Map(nodes.filter(() => random() < 0.05).map(({ id }) => [id, now - 5000])),
    places: options.places ?? 'scheduler',
    spent: new Map([['day/*', 1000]]),
    breakers: new Map([
      ['site9/standard', { site: 'site9', type: 'standard', failures: 2, closedUntilMs: now + 60_000 }],
    ]),
    lastFailureMs: new Map(nodes.filter(() => random() < 0.02).map(({ name }) => [name, now - 20_000])),
    orphansSinceMs: new Map(),
  }
}

function draw(share: number): Phase | null {
  let sum = 0
  for (const [part, phase] of phases) {
    sum += part
    if (share < sum) return phase
  }
  return null
}

function node(id: string, name: string, site: string, phase: Phase, random: () => number): NodeRecord {
  const idle = phase === 'ready' && random() < 0.2
  return {
    id,
    name,
    site,
    type: 'standard',
    beganAtMs: now - 1_000_000,
    costPerHour: 0.5,
    billingMs: 0,
    phase,
    phaseSinceMs: now - 1000 - Math.floor(random() * (phase === 'ready' ? 400_000 : 65_000)),
    unreachableSinceMs: null,
    host: null,
    address: null,
    leavingAtMs: null,
    idleSinceMs: idle ? now - Math.floor(random() * 600_000) : null,
    failure: phase === 'failed' ? { code: 'BootTimeout', text: `${name} did not report from its boot` } : null,
    attempts: 0,
    nextAttemptAtMs: 0,
    jobs: [],
  }
}

function inQueue(name: string, site: string, phase: Phase | null, random: () => number): QueueNode {
  const present = phase === 'ready' || phase === 'draining'
  const free = phase === null && random() < 0.5
  return {
    name,
    power: present ? 'present' : phase === 'deleting' ? 'leaving' : free ? 'absent' : 'wanted',
    responding: present,
    busy: phase === 'ready' && random() < 0.8,
    drained: phase === 'draining',
    down: false,
    reason: phase === 'draining' ? 'causeway: idle' : '',
    features: [`site-${site}`],
  }
}

function drawJobs(options: WorldOptions, nodes: readonly QueueNode[], random: () => number): Job[] {
  const features = options.features ?? someFeatures
  const busy = nodes.filter((one) => one.busy).map((one) => one.name)
  const wanted = nodes.filter((one) => one.power === 'wanted').map((one) => one.name)
  const take = (from: readonly string[], count: number) => {
    const first = Math.floor(random() * from.length)
    return from.slice(first, first + count)
  }
  return Array.from({ length: options.jobs }, (_, index) => {
    const share = random()
    const state = share < 0.18 ? 'running' : share < 0.2 ? 'starting' : 'pending'
    const nodeCount = random() < 0.7 ? 1 : 1 + Math.floor(random() * 16)
    const eligible = state === 'pending' && random() < 0.8
    return {
      id: random() < 0.5 ? String(1000 + index) : `${1 + Math.floor(index / 50)}_${index % 50}`,
      name: `job${index % 100}`,
      user: `user${index % 40}`,
      account: `account${index % 7}`,
      partition: 'all',
      state,
      reason: eligible ? 'Resources' : state === 'pending' ? 'Dependency' : '',
      blocked: state === 'pending' && !eligible ? 'Dependency' : null,
      nodeCount,
      perNode: { cpus: 1 + (index % 16), memoryMiB: 1000 * (1 + (index % 4)), gpus: 0 },
      tasksPerNode: null,
      exclusive: index % 3 === 0,
      wallMs: 600_000 * (1 + (index % 12)),
      dependency: '',
      beginAtMs: null,
      licences: '',
      features: features(random),
      nodes: state === 'pending' ? [] : take(state === 'running' ? busy : wanted, nodeCount),
      count: 1,
      submittedAtMs: now - Math.floor(random() * 86_400_000),
      startedAtMs: state === 'running' ? now - Math.floor(random() * 3_600_000) : null,
      endedAtMs: null,
    }
  })
}

function someFeatures(random: () => number): string {
  const share = random()
  const site = () => `site-${siteNames[Math.floor(random() * siteCount)]}`
  if (share < 0.5) return ''
  return share < 0.9 ? site() : `${site()}|${site()}`
}
