import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { slurmConfPath } from '../../lab/slurm.ts'
import { until } from '../../lab/until.ts'
import { systemClock } from '../../src/base/clock.ts'
import { SlurmScheduler } from '../../src/hooks/schedulers/slurm/scheduler.ts'
import { Slots } from '../../src/sites/slots.ts'
import { openStore } from '../../src/store/open.ts'
import { median, timedUntil } from '../planner/measure.ts'
import { against, alone, type BenchReport, type BenchRow } from '../report.ts'
import { type BenchController, controllerOn } from './controller.ts'
import { CountingHost } from './counting-host.ts'
import { briefConfPath, config, ManyNodes, nodesPerSite, realNodes, siteNames } from './many-nodes.ts'
import { shares, spent } from './processor.ts'

/** Jobs that wait for good, each an entry of its own. */
const waiting = 300

const wideJob = 1000

const loadMs = 20_000

/** A job about every so many ms while there is load; submitting one takes some time too. */
const pauseMs = 200

/** How many acts the engine has under way at one site. */
const actsAtOnce = 16

/**
 * The real adapter and the engine on a real Slurm with 300 slurmds and 5,000 cloud nodes: a job of 1,000 nodes from its submission to
 * the machines, what the controller costs while nothing happens and under load, and the reading beside Slurm's own printing.
 */
export async function run(): Promise<BenchReport> {
  const folder = await mkdtemp(join(tmpdir(), 'causeway-bench-'))
  let many: ManyNodes | undefined
  const interrupted = () =>
    void Promise.allSettled([ManyNodes.remove(), rm(folder, { recursive: true, force: true })]).then(() =>
      process.exit(130),
    )
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    many = await ManyNodes.up()
    const host = new CountingHost(many.head)
    const scheduler = new SlurmScheduler({ host, conf: slurmConfPath, clock: systemClock })
    await many.fill(waiting)
    const reading = await readingRows(many, scheduler)
    const acts = await actRows(scheduler, host)
    const db = await openStore(join(folder, 'causeway.db'))
    const controller = await controllerOn(config, scheduler, db)
    many.onHook = () => controller.loop.wake()
    try {
      const idle = await idleRows(controller, host)
      const load = await loadRows(many, controller, host)
      const wide = await wideRows(many, controller)
      return { name: 'schedulers', rows: [...wide, ...idle, ...load, ...reading, ...acts] }
    } finally {
      await controller.loop.stop()
      await db.destroy()
    }
  } finally {
    await many?.down()
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    await rm(folder, { recursive: true, force: true })
  }
}

/** Each list as JSON and read by us, beside Slurm's own table of it as people look at it; in turn, the median of five. */
async function readingRows(many: ManyNodes, scheduler: SlurmScheduler): Promise<BenchRow[]> {
  const size = `${waiting} jobs, ${realNodes + siteNames.length * nodesPerSite} nodes`
  const brief = new SlurmScheduler({ host: many.head, conf: briefConfPath, clock: systemClock })
  const ways = {
    squeue: () => many.head.exec(['squeue', '--all', '--json']),
    'squeue, text': () => many.head.exec(['squeue', '--all']),
    sinfo: () => many.head.exec(['sinfo', '--all', '--json']),
    'sinfo, text': () => many.head.exec(['sinfo', '--all', '--Node', '--long']),
    both: () => scheduler.snapshot(),
    'both, brief': () => brief.snapshot(),
    'both, text': () =>
      Promise.all([many.head.exec(['squeue', '--all']), many.head.exec(['sinfo', '--all', '--Node', '--long'])]),
  }
  const times = new Map<string, number[]>()
  for (let turn = 0; turn < 5; turn += 1) {
    for (const [name, way] of Object.entries(ways)) {
      times.set(name, [...(times.get(name) ?? []), await timedUntil(way)])
    }
  }
  const row = (name: string, peer: string, what: string) => {
    const [ours, theirs] = [median(times.get(name) ?? []), median(times.get(`${name}, text`) ?? [])]
    return against(peer, { case: `${what}, ${size}`, unit: 'ms', better: 'less', ours, theirs, goal: null })
  }
  return [
    row('squeue', 'squeue', 'squeue --json'),
    row('sinfo', 'sinfo -Nl', 'sinfo --json'),
    row('both', 'both as text', 'snapshot: both, read'),
    alone({
      case: 'snapshot, with a line for each site in slurm.conf, not for each node',
      unit: 'ms',
      ours: median(times.get('both, brief') ?? []),
      goal: null,
    }),
  ]
}

/** What the engine does to many nodes: a drain for each, 16 at once. */
async function actRows(scheduler: SlurmScheduler, host: CountingHost): Promise<BenchRow[]> {
  const names = Array.from({ length: 200 }, (_, index) => `r${index + 1}`)
  const slots = new Slots(actsAtOnce)
  host.reset()
  const seconds = await timedUntil(() =>
    Promise.all(names.map((name) => slots.run(() => scheduler.drain([name], 'idle')))),
  )
  const [readings, updates] = [host.count('sinfo'), host.count('scontrol')]
  await scheduler.cancelDrain(names)
  return [
    alone({ case: '200 nodes drained one by one, 16 at once', unit: 's', ours: seconds / 1000, goal: null }),
    // Two for each group of 16: one that its first call begins, and one for the rest.
    alone({ case: 'readings for that', unit: 'sinfo', ours: readings, goal: 2 * Math.ceil(200 / actsAtOnce) }),
    alone({ case: 'updates for that', unit: 'scontrol', ours: updates, goal: null }),
  ]
}

/** From the moment when the loop has nothing more to do until it is there again by itself. */
async function idleRows(controller: BenchController, host: CountingHost): Promise<BenchRow[]> {
  const rest = () => new Promise<void>((resolve) => (controller.onRest = resolve))
  const atRest = rest()
  controller.loop.start()
  await atRest
  await setTimeout(1000)
  const again = rest()
  host.reset()
  const from = spent()
  const before = controller.rounds()
  await again
  const to = spent()
  const { own, commands } = shares(from, to)
  const rounds = controller.rounds() - before
  const minutes = (to.atMs - from.atMs) / 60_000
  return [
    alone({ case: 'idle: rounds', unit: '1/min', ours: rounds / minutes, goal: 2 }),
    alone({ case: 'idle: commands per round', unit: 'of each kind', ours: most(host) / rounds, goal: 1 }),
    alone({ case: 'idle: controller', unit: '% of a core', ours: own, goal: null }),
    alone({ case: 'idle: its commands', unit: '% of a core', ours: commands, goal: null }),
  ]
}

/** While jobs come and end all the time on nodes that are there: each end is a hook. */
async function loadRows(many: ManyNodes, controller: BenchController, host: CountingHost): Promise<BenchRow[]> {
  let hooks = 0
  many.onHook = () => {
    hooks += 1
    controller.loop.wake()
  }
  const stop = await many.submitting(pauseMs)
  try {
    await until('jobs end', 30_000, () => hooks >= 5)
    host.reset()
    hooks = 0
    const before = controller.rounds()
    const from = spent()
    await setTimeout(loadMs)
    const { own, commands } = shares(from, spent())
    const rounds = controller.rounds() - before
    const name = `load of ${Math.round(hooks / (loadMs / 1000))} jobs/s`
    return [
      alone({ case: `${name}: rounds`, unit: '1/s', ours: rounds / (loadMs / 1000), goal: null }),
      alone({ case: `${name}: commands per round`, unit: 'of each kind', ours: most(host) / rounds, goal: 1 }),
      alone({ case: `${name}: controller`, unit: '% of a core', ours: own, goal: null }),
      alone({ case: `${name}: its commands`, unit: '% of a core', ours: commands, goal: null }),
    ]
  } finally {
    await stop()
    many.onHook = () => controller.loop.wake()
  }
}

/** Three jobs of 1,000 nodes, each at a site of its own; medians. */
async function wideRows(many: ManyNodes, controller: BenchController): Promise<BenchRow[]> {
  const parts = { resume: [] as number[], first: [] as number[], last: [] as number[] }
  for (const site of siteNames.slice(0, 3)) {
    const resumed = Promise.withResolvers<number>()
    const [created, all] = [[] as number[], Promise.withResolvers<void>()]
    many.onHook = (event) => {
      if (event === 'resume') resumed.resolve(performance.now())
      controller.loop.wake()
    }
    controller.onCreate = () => {
      created.push(performance.now())
      if (created.length === wideJob) all.resolve()
    }
    const submitted = performance.now()
    const job = await many.sbatch(`--nodes=${wideJob}`, `--constraint=site-${site}`, '--wrap=true')
    const resume = await resumed.promise
    await all.promise
    parts.resume.push(resume - submitted)
    parts.first.push((created[0] ?? Number.NaN) - resume)
    parts.last.push((created.at(-1) ?? Number.NaN) - resume)
    await many.head.exec(['scancel', job])
  }
  const row = (name: string, times: readonly number[]) =>
    alone({ case: `job of ${wideJob} nodes: ${name}`, unit: 'ms', ours: median(times), goal: null })
  return [
    row("sbatch to Slurm's request (Slurm's own time)", parts.resume),
    row('request to the first machine wanted of a site', parts.first),
    row('request to the last', parts.last),
  ]
}

function most(host: CountingHost): number {
  return Math.max(...host.counts.values())
}
