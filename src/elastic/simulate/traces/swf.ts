import { basename } from 'node:path'
import type { Size } from '../../plan/demand.ts'
import type { Trace, TraceJob } from '../trace.ts'
import { BadLines, type OnBad } from './bad-lines.ts'
import { LeftOutCounts } from './left-out.ts'
import { linesOf } from './lines.ts'

export interface SwfOptions {
  /** How many processors of the trace make one node; default 1: each processor is a node. At least 1. */
  readonly cpusPerNode?: number
  /** Whether jobs want their nodes for themselves; default: yes if each processor is a node. */
  readonly exclusive?: boolean
  /** When the trace began if its header does not say (`UnixStartTime`), ms since the epoch; default 0. */
  readonly startedAtMs?: number
  /** Default `skip`. */
  readonly onBad?: OnBad
}

/** How many fields a line has, and the places of those that are used, counted from 0. */
const fieldCount = 18
const at = {
  number: 0,
  submit: 1,
  run: 3,
  allocated: 4,
  requested: 7,
  requestedTime: 8,
  requestedMemory: 9,
  status: 10,
  user: 11,
  group: 12,
  queue: 14,
} as const

/** Statuses of lines that describe a part of a job that was checkpointed; the whole job has a line of its own. */
const partStatuses: ReadonlySet<number> = new Set([2, 3, 4])
const cancelled = 5

/** About 300,000 years: whatever is larger is no time in seconds. */
const mostSeconds = 1e13
const mostProcessors = 1e8

/**
 * Reads a trace in the Standard Workload Format, version 2.2 (Chapin, Cirne, Feitelson and others 1999; Parallel Workloads
 * Archive, www.cs.huji.ac.il/labs/parallel/workload/swf.html): a line a job with 18 fields between blanks, -1 where unknown,
 * header lines after `;`. A name that ends in `.gz` is unpacked.
 *
 * A job asks for the processors it requested, or else for those it was given. Its user, group (as account) and queue are called
 * `user7`, `group7`, `queue7`. The trace begins with its first submission. Times of 0 s, less than a second, count as 1 s.
 * Left out and counted: jobs that never ran, and lines about parts of checkpointed jobs.
 *
 * @throws CausewayError `NotFound`, `InvalidRequest` when the file can't be read, or at the first broken line with `onBad: 'fail'`
 */
export async function readSwf(path: string, options: SwfOptions = {}): Promise<Trace> {
  const cpusPerNode = options.cpusPerNode ?? 1
  const shape: Shape = { cpusPerNode, exclusive: options.exclusive ?? cpusPerNode === 1, sizes: new Map() }
  const bad = new BadLines(path, options.onBad ?? 'skip')
  const leftOut = new LeftOutCounts()
  const jobs: Writable<TraceJob>[] = []
  const texts = new Map<string, string>()
  const ids = new Set<string>()
  let headerStart: number | null = null
  let line = 0
  for await (const text of linesOf(path)) {
    line++
    const trimmed = text.trim()
    if (trimmed === '') continue
    if (trimmed.startsWith(';')) {
      headerStart ??= startOfHeader(trimmed)
      continue
    }
    const job = jobOfLine(trimmed, shape, texts)
    if ('broken' in job) bad.add(line, text, job.broken)
    else if ('leftOut' in job) leftOut.add(job.leftOut)
    else if (ids.has(job.id)) bad.add(line, text, `another line has job number ${job.id}, too`)
    else {
      ids.add(job.id)
      jobs.push(job)
    }
  }
  jobs.sort((a, b) => a.submitMs - b.submitMs)
  const firstMs = jobs[0]?.submitMs ?? 0
  for (const job of jobs) job.submitMs -= firstMs
  return {
    name: basename(path).replace(/\.gz$/, ''),
    startedAtMs: (headerStart ?? options.startedAtMs ?? 0) + firstMs,
    jobs,
    bad: bad.found,
    leftOut: leftOut.list(),
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** How processors become nodes. Equal sizes are one object: a trace may have millions of jobs. */
interface Shape {
  readonly cpusPerNode: number
  readonly exclusive: boolean
  readonly sizes: Map<string, Size>
}

/** When the header says that the trace began, ms since the epoch; null if it says something else, or 0 for "not known". */
function startOfHeader(comment: string): number | null {
  const seconds = Number(/^;\s*UnixStartTime:\s*(\d+)/.exec(comment)?.[1] ?? 0)
  return seconds > 0 && seconds < mostSeconds ? seconds * 1000 : null
}

function jobOfLine(
  line: string,
  shape: Shape,
  texts: Map<string, string>,
): Writable<TraceJob> | { broken: string } | { leftOut: string } {
  const words = line.split(/\s+/)
  if (words.length !== fieldCount) return { broken: `has ${words.length} fields, expected ${fieldCount}` }
  const fields = words.map(Number)
  const odd = fields.findIndex((field) => !Number.isFinite(field))
  if (odd >= 0) return { broken: `field ${odd + 1} is not a number` }
  const field = (index: number) => fields[index] ?? -1

  if (partStatuses.has(field(at.status))) return { leftOut: 'part of a checkpointed job' }
  const run = field(at.run)
  if (run < 0 || (run === 0 && field(at.status) === cancelled)) return { leftOut: 'never ran' }
  const submit = field(at.submit)
  if (submit < 0) return { broken: 'the submit time (field 2) is not known' }
  if (submit > mostSeconds || run > mostSeconds) return { broken: 'a time (field 2 or 4) is out of range' }
  const processors = field(at.requested) > 0 ? field(at.requested) : field(at.allocated)
  if (processors <= 0) return { broken: 'the number of processors (fields 5 and 8) is not known' }
  if (processors > mostProcessors) return { broken: 'the number of processors (field 5 or 8) is out of range' }

  const wall = field(at.requestedTime)
  const named = (word: string, index: number) => (field(index) < 0 ? '' : once(texts, `${word}${words[index] ?? ''}`))
  return {
    id: words[at.number] ?? '',
    submitMs: Math.round(submit * 1000),
    runMs: Math.max(1000, Math.round(run * 1000)),
    wallMs: wall > 0 && wall <= mostSeconds ? Math.round(wall * 1000) : null,
    nodeCount: Math.ceil(processors / shape.cpusPerNode),
    perNode: sizeOf(shape, Math.min(Math.ceil(processors), shape.cpusPerNode), field(at.requestedMemory)),
    exclusive: shape.exclusive,
    user: named('user', at.user),
    account: named('group', at.group),
    queue: named('queue', at.queue),
    features: '',
  }
}

function sizeOf(shape: Shape, cpus: number, kibPerProcessor: number): Size {
  const memoryMiB = kibPerProcessor > 0 ? Math.ceil((kibPerProcessor * cpus) / 1024) : 0
  const key = `${cpus}/${memoryMiB}`
  const known = shape.sizes.get(key)
  if (known) return known
  const size = { cpus, memoryMiB, gpus: 0 }
  shape.sizes.set(key, size)
  return size
}

/** The one string with this text, so that a million jobs of ten users don't hold a million names. */
function once(texts: Map<string, string>, text: string): string {
  const known = texts.get(text)
  if (known !== undefined) return known
  texts.set(text, text)
  return text
}
