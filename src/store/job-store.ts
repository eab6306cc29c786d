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

/** Remembers jobs after the scheduler has forgotten them. */
export class JobStore {
  readonly #db: Db
  /** What was written last, by id, so that a round writes only what changed. */
  readonly #written = new Map<string, string>()

  constructor(db: Db) {
    this.#db = db
  }

  /** Records the jobs of one reading of the queue; ids that are already known are brought up to date. */
  async save(jobs: readonly JobRecord[], atMs: number): Promise<void> {
    const changed = jobs.filter((job) => this.#written.get(job.id) !== JSON.stringify(pick(job)))
    const present = new Set(jobs.map((job) => job.id))
    for (const id of this.#written.keys()) if (!present.has(id)) this.#written.delete(id)
    if (changed.length === 0) return
    await this.#db.transaction().execute(async (tx) => {
      for (const job of changed) {
        const values = {
          name: job.name,
          user: job.user,
          state: job.state,
          submitted_at: job.submittedAtMs,
          started_at: job.startedAtMs,
          ended_at: job.endedAtMs,
          nodes: JSON.stringify(job.nodes),
          seen_at: atMs,
        }
        await tx
          .insertInto('jobs')
          .values({ id: job.id, ...values })
          .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
          .execute()
      }
    })
    for (const job of changed) this.#written.set(job.id, JSON.stringify(pick(job)))
  }

  /** The job, or all elements of an array given the array's id, in order of submission. */
  async find(id: string): Promise<JobRecord[]> {
    const rows = await this.#db
      .selectFrom('jobs')
      .selectAll()
      .where((eb) => eb.or([eb('id', '=', id), eb('id', 'like', `${id}_%`)]))
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
    return jobs.filter((job) => job.id === id || job.id.startsWith(`${id}_`))
  }
}

function pick({ id, name, user, state, submittedAtMs, startedAtMs, endedAtMs, nodes }: JobRecord): JobRecord {
  return { id, name, user, state, submittedAtMs, startedAtMs, endedAtMs, nodes }
}
