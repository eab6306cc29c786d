import type { Job, QueueNode, Size } from '../../src/elastic/plan/demand.ts'
import { reasonPrefix } from '../../src/elastic/scheduler.ts'

/** A node that the fake queue may have. Lower weight is filled first; default size: 1 CPU, 1 GiB, no GPU. */
export interface FakeNodeSpec {
  readonly name: string
  readonly weight?: number
  readonly features?: readonly string[]
  readonly size?: Partial<Size>
}

/** A node as the fake scheduler keeps it. */
export interface FakeNode {
  readonly name: string
  readonly weight: number
  readonly features: readonly string[]
  readonly size: Size
  power: QueueNode['power']
  /** When the present power state began. */
  sinceMs: number
  /** The machine's daemon runs, whatever the scheduler believes. */
  alive: boolean
  lostAtMs: number
  drained: boolean
  down: boolean
  reason: string
  /** To be powered down when its jobs have ended. */
  powerDownPending: boolean
  /** Those that have been placed on it. */
  jobs: FakeJob[]
}

/** A job as the fake scheduler keeps it. */
export type FakeJob = { -readonly [key in keyof Omit<Job, 'beginAtMs' | 'blocked'>]: Job[key] } & {
  runMs: number
  beginAtMs: number
  /** When the scheduler will find out that its machine has booted again and knows nothing of it; null: there is no such thing. */
  missedAtMs: number | null
  heldBy: 'somebody' | 'causeway' | null
}

export function makeNode(spec: FakeNodeSpec, power: QueueNode['power'], nowMs: number): FakeNode {
  return {
    name: spec.name,
    weight: spec.weight ?? 1,
    features: spec.features ?? [],
    size: { cpus: 1, memoryMiB: 1024, gpus: 0, ...spec.size },
    power,
    sinceMs: nowMs,
    alive: power === 'present',
    lostAtMs: 0,
    drained: false,
    down: false,
    reason: '',
    powerDownPending: false,
    jobs: [],
  }
}

/** Neither drained nor down, and there, on its way, or to be had. */
export function isUsable(node: FakeNode): boolean {
  const there = node.power === 'absent' || node.power === 'wanted' || (node.power === 'present' && node.alive)
  return there && !node.drained && !node.down && !node.powerDownPending
}

/** Whether the job may be placed on the node beside those that are on it. */
export function hasRoom(node: FakeNode, job: FakeJob): boolean {
  if (node.jobs.length > 0 && (job.exclusive || node.jobs.some((other) => other.exclusive))) return false
  const wishes = job.features.split('&').filter(Boolean)
  if (job.confinedTo !== undefined && !node.features.includes(`site-${job.confinedTo}`)) return false
  if (!wishes.every((wish) => node.features.includes(wish))) return false
  const all = [...node.jobs, job]
  return (['cpus', 'memoryMiB', 'gpus'] as const).every(
    (what) => all.reduce((sum, { perNode }) => sum + perNode[what], 0) <= node.size[what],
  )
}

/** Which of two nodes is filled first: by weight, those with a machine, those in use. */
export function byPreference(a: FakeNode, b: FakeNode): number {
  return (
    a.weight - b.weight ||
    Number(a.power === 'absent') - Number(b.power === 'absent') ||
    Number(a.jobs.length === 0) - Number(b.jobs.length === 0)
  )
}

/** Whether its drain or down is Causeway's. */
export function isOurs(node: FakeNode): boolean {
  return (node.drained || node.down) && node.reason.startsWith(reasonPrefix)
}

/** @param verbatim for a reason that is not ours */
export function drainFor(node: FakeNode, reason: string, verbatim = false): void {
  node.drained = true
  node.reason = verbatim || reason.startsWith(reasonPrefix) ? reason : `${reasonPrefix} ${reason}`
}
