import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantile } from '../planner/measure.ts'
import { against, alone, type BenchReport } from '../report.ts'
import { load } from './load.ts'

/** Calls a second, and for how many seconds. */
const perSecond = 1000
const seconds = 15

/**
 * The nice value of the caller. It must never wait for a core itself, or it would measure that; the peer has -10, as the doors'
 * thread gives itself, and the loop 0.
 */
const niceness = -15

/** Hooks at a steady rate, at a controller on one core whose loop is never at rest, and at an idle application of the same framework. */
export async function run(): Promise<BenchReport> {
  setPriority(0, niceness)
  const peer = await measure('peer-main.ts')
  const ours = await measure('controller-main.ts')
  setPriority(0, 0)
  const what = `${perSecond} hooks/s, loop busy with 10k jobs`
  const fastify = 'fastify, idle'
  const against99 = { ours: quantile(ours.latencies, 0.99), theirs: quantile(peer.latencies, 0.99) }
  const against50 = { ours: quantile(ours.latencies, 0.5), theirs: quantile(peer.latencies, 0.5) }
  return {
    name: 'hooks',
    rows: [
      against(fastify, { case: what, unit: 'calls/s', better: 'more', ours: ours.rate, theirs: peer.rate, goal: 0.99 }),
      against(fastify, { case: 'the same, median', unit: 'ms', better: 'less', ...against50, goal: null }),
      against(fastify, { case: 'the same, p99', unit: 'ms', better: 'less', ...against99, goal: null }),
      alone({ case: 'the same, p99', unit: 'ms', ours: against99.ours, goal: 50 }),
      alone({ case: 'the same, longest', unit: 'ms', ours: ours.latencies.at(-1) ?? Number.NaN, goal: null }),
      alone({ case: 'calls without 202', unit: 'calls', ours: ours.failed, goal: 0 }),
      alone({
        case: 'hooks taken and not recorded',
        unit: 'hooks',
        ours: ours.latencies.length - ours.recorded,
        goal: 0,
      }),
      alone({ case: 'rounds of the loop meanwhile', unit: 'rounds', ours: ours.rounds, goal: null }),
      alone({ case: 'processor time of all', unit: 'CPU ms', ours: ours.cpuMs, goal: null }),
    ],
  }
}

/** Loads a server of this folder that has one core for itself and all its threads. */
async function measure(main: string) {
  const folder = await mkdtemp(join(tmpdir(), 'causeway-bench-'))
  const socket = join(folder, 'hooks.sock')
  const child = fork(join(import.meta.dirname, main), [socket, folder])
  const left = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`${main} has ended with status ${code}`)))
  })
  left.catch(() => undefined)
  try {
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', '0', String(child.pid)], { stdio: 'pipe' })
    await Promise.race([once(child, 'message'), left])
    // Threads that were begun meanwhile have it from the one that began them.
    await load(socket, perSecond, 2, (n) => body('warm-up', n))
    const answers = await load(socket, perSecond, seconds, (n) => body('measured', n))
    child.send('stop')
    const [end] = (await Promise.race([once(child, 'message'), left])) as [
      { cpuMs: number; rounds: number; recorded: number },
    ]
    return { ...answers, ...end, recorded: end.recorded - perSecond * 2 }
  } finally {
    child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

function body(run: string, n: number): string {
  return JSON.stringify({ id: `${run}-${String(n).padStart(8, '0')}`, jobs: [String(n)] })
}
