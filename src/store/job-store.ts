import { setImmediate } from 'node:timers/promises'
import { arrayAsked, isJobOrElement } from '../base/job-id.ts'
import type { Db } from './open.ts'

/** A job as it was last seen in the queue. Times are ms since the epoch. */
export interface JobRecord {
  readonly id: string
  readonly name: string
  readonly user: string
  readonly state: string
  readonly submittedAtMs: number
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
  readonly nodes: readonly string[]
}

/** Rows of one statement: few enough for SQLite's limit of variables, and for others to have their turn in between. */
const batch = 500

/** Remembers jobs after the scheduler has forgotten them. */
export class JobStore {
  readonly #db: Db
  /** What was written last, by id, so that a round writes only what changed. */
  readonly #written = new Map<string, JobRecord>()

  constructor(db: Db) {
    this.#db = db
  }

  /**
   * Records the jobs of one reading of the queue; ids that are already known are brought up to date. Thousands of changes
   * are several transactions, between which the process attends to other things.
   */
  async save(jobs: readonly JobRecord[], atMs: number): Promise<void> {
    const changed = this.#changed(jobs)
    for (let first = 0; first < changed.length; first += batch) {
      if (first > 0) await setImmediate()
      const some = changed.slice(first, first + batch)
      await this.#write(some, atMs)
      for (const job of some) this.#written.set(job.id, job)
    }
  }

  /** What is not written as it is now; an id that is there twice counts as it is there last. */
  #changed(jobs: readonly JobRecord[]): JobRecord[] {
    const changed = new Map<string, JobRecord>()
    const present = new Set<string>()
    for (const job of jobs) {
      present.add(job.id)
      if (!isSame(job, this.#written.get(job.id))) changed.set(job.id, job)
      else changed.delete(job.id)
    }
    if (this.#written.size + changed.size > present.size) {
      for (const id of this.#written.keys()) if (!present.has(id)) this.#written.delete(id)
    }
    return [...changed.values()]
  }

  async #write(jobs: readonly JobRecord[], atMs: number): Promise<void> {
    const rows = jobs.map((job) => ({
      id: job.id,
      name: job.name,
      user: job.user,
      state: job.state,
      submitted_at: job.submittedAtMs,
      started_at: job.startedAtMs,
      ended_at: job.endedAtMs,
      nodes: JSON.stringify(job.nodes),
      seen_at: atMs,
    }))
    await this.#db
      .insertInto('jobs')
      .values(rows)
      .onConflict((conflict) =>
        conflict.column('id').doUpdateSet((eb) => ({
          name: eb.ref('excluded.name'),
          user: eb.ref('excluded.user'),
          state: eb.ref('excluded.state'),
          submitted_at: eb.ref('excluded.submitted_at'),
          started_at: eb.ref('excluded.started_at'),
          ended_at: eb.ref('excluded.ended_at'),
          nodes: eb.ref('excluded.nodes'),
          seen_at: eb.ref('excluded.seen_at'),
        })),
      )
      .execute()
  }

  /** The job, or all elements of an array given the array's id, in order of submission. */
  async find(id: string): Promise<JobRecord[]> {
    const rows = await this.#db
      .selectFrom('jobs')
      .selectAll()
      .where((eb) => eb.or([eb('id', '=', id), eb('id', 'like', `${arrayAsked(id)}_%`)]))
      .orderBy('submitted_at')
      .orderBy('id')
      .execute()
    const jobs = rows.map((row) => ({
      id: row.id,
      name: row.name,
      user: row.user,
      state: row.state,
      submittedAtMs: row.submitted_at,
      startedAtMs: row.started_at,
      endedAtMs: row.ended_at,
      nodes: JSON.parse(row.nodes) as string[],
    }))
    return jobs.filter((job) => isJobOrElement(job.id, id))
  }
}

function isSame(job: JobRecord, other: JobRecord | undefined): boolean {
  if (job === other) return true
  return (
    other !== undefined &&
    job.name === other.name &&
    job.user === other.user &&
    job.state === other.state &&
    job.submittedAtMs === other.submittedAtMs &&
    job.startedAtMs === other.startedAtMs &&
    job.endedAtMs === other.endedAtMs &&
    job.nodes.length === other.nodes.length &&
    job.nodes.every((name, index) => name === other.nodes[index])
  )
}
