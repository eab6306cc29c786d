import type { Job, QueueNode } from '../../src/elastic/plan/demand.ts'
import { nodeName } from '../../src/elastic/plan/policy.ts'
import type { Machine } from '../../src/sites/driver.ts'
import type { Db } from '../../src/store/open.ts'
import type { NodesTable } from '../../src/store/schema.ts'
import { benchMachine } from '../memory-driver.ts'
import { configFor } from './config.ts'
import type { Outside } from './engine.ts'
import { siteNames } from './world.ts'

/** Names per site that have no machine yet. */
const free = 100

/**
 * A cluster on which all is well: `nodes` ready nodes that work, `jobs` jobs of which one runs on each node and the others
 * wait. What the store must know of it is written to `db`.
 */
export async function quietWorld(size: { jobs: number; nodes: number }, db: Db) {
  const perSite = size.nodes / siteNames.length
  const config = configFor(siteNames, perSite + free)
  const began = Date.now() - 60_000
  const nodes: NodesTable[] = []
  const queueNodes: QueueNode[] = []
  const machines = new Map<string, Map<string, Machine>>(siteNames.map((site) => [site, new Map()]))
  for (const site of siteNames) {
    for (let k = 1; k <= perSite + free; k++) {
      const name = nodeName(site, k)
      const there = k <= perSite
      queueNodes.push(there ? working(name) : absent(name))
      if (!there) continue
      const id = `00000000-0000-4000-8000-${String(nodes.length).padStart(12, '0')}`
      machines.get(site)?.set(id, benchMachine(id, name, 'lab', began))
      nodes.push(row(id, name, site, began))
    }
  }
  for (let first = 0; first < nodes.length; first += 1000) {
    await db
      .insertInto('nodes')
      .values(nodes.slice(first, first + 1000))
      .execute()
  }
  const jobs = Array.from({ length: size.jobs }, (_, index) => job(index, nodes[index]?.name, began))
  const outside: Outside = {
    queue: { jobs, nodes: queueNodes },
    machines,
    created: () => undefined,
    resting: () => undefined,
  }
  return { config, outside }
}

/** A node of the queue on which a job runs. */
export function working(name: string): QueueNode {
  return { ...absent(name), power: 'present', responding: true, busy: true }
}

/** A node of the queue without a machine. */
export function absent(name: string): QueueNode {
  const features = [`site-${name.split('-')[0]}`]
  return { name, power: 'absent', responding: false, busy: false, drained: false, down: false, reason: '', features }
}

function job(index: number, node: string | undefined, began: number): Job {
  return {
    id: String(1 + index),
    name: `job${index % 100}`,
    user: `user${index % 40}`,
    partition: 'all',
    state: node === undefined ? 'pending' : 'running',
    reason: node === undefined ? 'Resources' : '',
    account: '',
    blocked: null,
    nodeCount: 1,
    perNode: { cpus: 0, memoryMiB: 0, gpus: 0 },
    tasksPerNode: null,
    exclusive: false,
    wallMs: 3_600_000,
    dependency: '',
    beginAtMs: null,
    licences: '',
    features: '',
    nodes: node === undefined ? [] : [node],
    count: 1,
    submittedAtMs: began,
    startedAtMs: node === undefined ? null : began,
    endedAtMs: null,
  }
}

function row(id: string, name: string, site: string, began: number): NodesTable {
  return {
    id,
    name,
    site,
    type: 'standard',
    cost_per_hour: 0,
    billing_ms: 0,
    gone_at: null,
    began_at: began,
    phase: 'ready',
    phase_since: began,
    unreachable_since: null,
    host: null,
    address: null,
    leaving_at: null,
    idle_since: null,
    failure_code: null,
    failure_text: null,
    failed_at: null,
    attempts: 0,
    next_attempt_at: 0,
    jobs: '[]',
    token_hash: null,
  }
}
