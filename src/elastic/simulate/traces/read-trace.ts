import type { Trace } from '../trace.ts'
import { readRecorded } from './recorded.ts'
import { readSwf, type SwfOptions } from './swf.ts'

/**
 * Reads a trace from a file: a recording of the live loop if its name ends in `.jsonl` (or `.jsonl.gz`), else a file in the
 * Standard Workload Format.
 * @throws CausewayError as `readSwf` and `readRecorded` do
 */
export function readTrace(path: string, options: SwfOptions = {}): Promise<Trace> {
  return /\.jsonl(\.gz)?$/.test(path) ? readRecorded(path, options) : readSwf(path, options)
}
