import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Size } from './world.ts'

const main = fileURLToPath(new URL('heap-main.ts', import.meta.url))

/**
 * The most that the heap ever held in a process that makes an observation and decides on it five times, MiB: V8 says before
 * each collection what there is.
 */
export async function peakHeap({ jobs, nodes }: Size): Promise<number> {
  const argv = ['--trace-gc', main, String(jobs), String(nodes)]
  const { stdout } = await promisify(execFile)(process.execPath, argv, { maxBuffer: 2 ** 24 })
  const held = [...stdout.matchAll(/ (\d+\.\d+) \(\d+\.\d+\) -> |: (\d+\.?\d*) MiB$/gm)]
  return Math.max(...held.map(([, before, last]) => Number(before ?? last)))
}
