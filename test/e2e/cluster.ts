import { join } from 'node:path'
import Database from 'better-sqlite3'
import { labFolder } from '../../lab/clean-up.ts'
import { type LabConfig, places } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import { jobStates } from '../../lab/demo/results.ts'
import { Lab, type LabOptions } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import type { JobReport, NodeReport } from '../../src/hooks/reports.ts'
import { labName } from './lab-name.ts'

/** The longest that any state of the cluster is waited for, ms. */
export const patienceMs = 180_000

/** A life as the controller's database has it. */
export interface Life {
  readonly id: string
  readonly name: string
  readonly site: string
  readonly phase: string
  /** The host of the site's pool that has its machine; null: the site has no pool, or it has no machine. */
  readonly host: string | null
  /** Since when its site can't be read, ms since the epoch; null: it can. */
  readonly unreachableSinceMs: number | null
}

/** A lab whose controller runs with the given configuration; nodes go after two idle seconds unless said otherwise. */
export async function clusterUp(
  options: Partial<LabOptions> = {},
  change: (config: LabConfig) => void = () => undefined,
): Promise<Lab> {
  const lab = await Lab.up({ name: labName, ...options })
  lab.configure((config) => {
    for (const site of Object.values(config.sites)) site.nodes.idle = '2s'
    change(config)
  })
  await lab.startController()
  return lab
}

/** Submits a shell command as alice; returns the job's id. */
export async function submit(lab: Lab, command: string, ...words: string[]): Promise<string> {
  const argv = ['sbatch', '--parsable', '--exclusive', '--output=/home/alice/out-%j', ...words, '--wrap', command]
  return (await must(lab.asAlice(argv))).trim()
}

/** Resolves when the job has the state; fails at once when it has ended otherwise. */
export async function jobReaches(lab: Lab, id: string, wanted: string): Promise<void> {
  await until(`job ${id} is ${wanted}`, patienceMs, async () => {
    const state = (await jobStates(lab)).get(id)?.state ?? 'UNKNOWN'
    if (state !== wanted && /^(COMPLETED|FAILED|CANCELLED|TIMEOUT)$/.test(state))
      throw new Error(`job ${id} is ${state}`)
    return state === wanted
  })
}

/** All lives in the controller's database, read beside it: faster than asking, and possible while it is dead. */
export function lives(lab: Lab): Life[] {
  // SQLite resolves symbolic links, so it can't go through /proc/PID/root: this is where the head's folder lies.
  const file = join(labFolder(lab.name), 'disk/head/causeway/causeway.db')
  const db = new Database(file, { readonly: true })
  try {
    const columns = 'id, name, site, phase, host, unreachable_since as unreachableSinceMs'
    return db.prepare(`select ${columns} from nodes order by began_at`).all() as Life[]
  } finally {
    db.close()
  }
}

/** Resolves when a life has this phase, or one of several, as soon as it can be seen. */
export async function lifeReaches(
  lab: Lab,
  phase: string | readonly string[],
  known: ReadonlySet<string> = new Set(),
): Promise<Life> {
  const phases = [phase].flat()
  const deadline = performance.now() + patienceMs
  for (;;) {
    const found = lives(lab).find((life) => phases.includes(life.phase) && !known.has(life.id))
    if (found) return found
    if (performance.now() > deadline) throw new Error(`no node came into phase ${phases.join(' or ')}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Resolves when no node lives any more and no site has a machine. */
export async function shrunk(lab: Lab): Promise<void> {
  await until('the cluster has shrunk to nothing', patienceMs, () => lives(lab).every((life) => life.phase === 'gone'))
  await until('no machine is left', patienceMs, () => lab.machines().length === 0)
}

/** What `causeway why` answers. */
export async function why(lab: Lab, job: string): Promise<JobReport> {
  return JSON.parse(await must(lab.causeway(['why', job, '--json']))) as JobReport
}

/** What `causeway nodes --all` answers. */
export async function allNodes(lab: Lab): Promise<NodeReport[]> {
  return JSON.parse(await must(lab.causeway(['nodes', '--all', '--json']))) as NodeReport[]
}

/** A request to the controller's unix socket, by curl on the head. */
export async function post(lab: Lab, path: string, body: string): Promise<{ status: number; body: string }> {
  const said = await must(
    lab.head.exec(
      [
        'curl',
        '-sS',
        '--unix-socket',
        places.socket,
        '-H',
        'content-type: application/json',
        '--data-binary',
        '@-',
        '-w',
        '\n%{http_code}',
        `http://c${path}`,
      ],
      { stdin: body },
    ),
  )
  const lines = said.split('\n')
  return { status: Number(lines.at(-1)), body: lines.slice(0, -1).join('\n') }
}
