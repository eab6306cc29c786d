import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { type Outcome, runSeed } from './run-seed.ts'

/** How a seed went, without the story. */
export type Brief = Omit<Outcome, 'events'>

// oxlint-disable unicorn/require-post-message-target-origin -- these are threads, not windows

/** Runs the seeds from `first` on, on all cores, and says in their order how each went. */
export async function runSeeds(first: number, count: number): Promise<Brief[]> {
  const briefs: Brief[] = []
  let next = first
  const workers = Array.from(
    { length: Math.min(availableParallelism(), count) },
    () => new Worker(import.meta.filename),
  )
  const work = (worker: Worker) =>
    new Promise<void>((resolve, reject) => {
      const hand = () => {
        if (next < first + count) worker.postMessage(next++)
        else resolve()
      }
      worker.on('error', reject)
      worker.on('message', (brief: Brief) => {
        briefs.push(brief)
        hand()
      })
      hand()
    })
  try {
    await Promise.all(workers.map(work))
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
  return briefs.toSorted((a, b) => a.seed - b.seed)
}

async function brief(seed: number): Promise<Brief> {
  try {
    const { events: _events, ...rest } = await runSeed(seed)
    return rest
  } catch (thrown) {
    return { seed, violations: [`it broke off: ${(thrown as Error).stack}`], lives: 0, controllers: 0, virtualMs: 0 }
  }
}

async function answer(seed: number): Promise<void> {
  const done = await brief(seed)
  parentPort?.postMessage(done)
}

if (!isMainThread) {
  parentPort?.on('message', (seed: number) => {
    void answer(seed)
  })
}
