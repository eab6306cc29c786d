import { systemClock } from '../../src/base/clock.ts'
import { LiveConfig } from '../../src/elastic/live-config.ts'
import { ReadModel } from '../../src/hooks/read-model.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { JobStore } from '../../src/store/job-store.ts'
import type { Phase } from '../../src/store/node-record.ts'
import { NodeStore } from '../../src/store/node-store.ts'
import { type Db, openStore } from '../../src/store/open.ts'
import type { NodesTable } from '../../src/store/schema.ts'
import { alone, type BenchRow } from '../report.ts'
import { configFor } from './config.ts'
import { median, timedUntil } from './measure.ts'
import { now, observe, siteNames } from './world.ts'

const cause = { code: 'Bench', text: 'because' }

/** Lives that are begun one by one. */
const begun = 500

/** The phases of a life in which all went well. */
const life: readonly Phase[] = [
  'creating',
  'booting',
  'installing',
  'enrolling',
  'ready',
  'draining',
  'deleting',
  'gone',
]

/** Saving the queue: at first, and when one job in a hundred has changed. */
export async function jobRows(file: string, count: number): Promise<BenchRow[]> {
  const db = await openStore(file)
  const { queue } = observe({ jobs: count, nodes: count / 10 }, 1)
  const jobs = queue.ok ? queue.value.jobs : []
  const changed = jobs.map((job, index) => (index % 100 === 0 ? { ...job, state: 'ended', endedAtMs: now } : job))
  const store = new JobStore(db)
  try {
    const first = await timedUntil(() => store.save(jobs, now))
    const again = await timedUntil(() => store.save(changed, now))
    return [
      alone({ case: `save ${count} jobs, all new`, unit: 'ms', ours: first, goal: null }),
      alone({ case: `save ${count} jobs, 1 % changed`, unit: 'ms', ours: again, goal: null }),
    ]
  } finally {
    await db.destroy()
  }
}

/** Lives begun, moved and read back, while as many past lives are in the database. */
export async function nodeRows(file: string, count: number): Promise<BenchRow[]> {
  const db = await openStore(file)
  const nodes = new NodeStore(db)
  const events = new EventStore(db)
  const config = configFor(siteNames, count / siteNames.length)
  const live = new LiveConfig(config, async () => config)
  const sources = { clock: systemClock, config: live, nodes, events, jobs: new JobStore(db) }
  const model = new ReadModel({ ...sources, view: () => null, brokenGateways: () => new Map() })
  try {
    await writeLives(db, 'past', count, 'gone')
    await writeLives(db, 'live', count, 'ready')
    const writing = await timedUntil(async () => {
      for (let index = 0; index < begun; index++) {
        await nodes.begin(
          {
            id: `new-${index}`,
            name: `new-${index}`,
            site: 'new',
            type: 'standard',
            costPerHour: 0.1,
            billingMs: 0,
            jobs: ['1'],
            phase: 'planned',
          },
          cause,
          now,
        )
        await nodes.move(`new-${index}`, ['planned'], 'creating', cause, now + 1)
      }
    })
    const notes = Array.from({ length: count }, (_, index) => ({ id: `live-${index}`, idleSinceMs: now }))
    const noting = await timedUntil(() => nodes.note(notes))
    const first = await timedUntil(() => nodes.live())
    await nodes.note(notes.slice(0, 10))
    const again = await timedUntil(() => nodes.live())
    const failures = await several(() => nodes.lastFailures(now - 300_000))
    const shown = await several(() => model.nodes(false))
    const all = await several(() => model.nodes(true))
    const past = `${count} live and ${count} past lives`
    return [
      alone({
        case: 'begin a life and move it, synced to disk',
        unit: 'lives/s',
        ours: begun / (writing / 1000),
        goal: null,
      }),
      alone({ case: `note a fact of ${count} nodes`, unit: 'ms', ours: noting, goal: null }),
      alone({ case: `read the live nodes first, ${past}`, unit: 'ms', ours: first, goal: null }),
      alone({ case: 'read them again when 10 have changed', unit: 'ms', ours: again, goal: null }),
      alone({ case: `read late failures, ${past}`, unit: 'ms', ours: failures, goal: null }),
      alone({ case: `causeway nodes, ${past}`, unit: 'ms', ours: shown, goal: null }),
      alone({ case: `causeway nodes --all, ${past}`, unit: 'ms', ours: all, goal: null }),
    ]
  } finally {
    await db.destroy()
  }
}

async function several(act: () => Promise<unknown>): Promise<number> {
  const spent: number[] = []
  for (let time = 0; time < 5; time++) spent.push(await timedUntil(act))
  return median(spent)
}

/** Lives with all their events up to a phase; written without the store's transactions, which are not measured here. */
async function writeLives(db: Db, kind: string, count: number, phase: 'ready' | 'gone'): Promise<void> {
  const passed = life.slice(0, life.indexOf(phase) + 1)
  for (let first = 0; first < count; first += 250) {
    const nodes = Array.from({ length: Math.min(250, count - first) }, (_, index) => row(kind, first + index, phase))
    await db.insertInto('nodes').values(nodes).execute()
    await db
      .insertInto('events')
      .values(
        nodes.flatMap(({ id, name, site }) =>
          passed.map((into, index) => ({
            at: now - 10_000 + index,
            kind: 'phase',
            site,
            node_id: id,
            node_name: name,
            code: 'Bench',
            text: 'because',
            facts: JSON.stringify({ phase: into }),
            jobs: '["1"]',
          })),
        ),
      )
      .execute()
  }
}

function row(kind: string, index: number, phase: Phase): NodesTable {
  const site = siteNames[index % siteNames.length] ?? ''
  return {
    id: `${kind}-${index}`,
    name: `${site}-${1 + Math.floor(index / siteNames.length)}`,
    site,
    type: 'standard',
    cost_per_hour: 0.1,
    billing_ms: 0,
    gone_at: phase === 'gone' ? now - 5000 : null,
    began_at: now - 10_000,
    phase,
    phase_since: now - 5000,
    unreachable_since: null,
    host: null,
    address: null,
    leaving_at: null,
    idle_since: null,
    failure_code: null,
    failure_text: null,
    failed_at: index % 10 === 0 ? now - 6000 : null,
    attempts: 0,
    next_attempt_at: 0,
    jobs: '["1"]',
    token_hash: null,
  }
}
