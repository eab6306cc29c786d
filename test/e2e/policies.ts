import { join } from 'node:path'
import Database from 'better-sqlite3'
import { labFolder } from '../../lab/clean-up.ts'
import type { LabConfig } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import type { StatusReport } from '../../src/hooks/reports.ts'
import { labName } from './lab-name.ts'

/** The longest that anything is waited for, ms. */
const patienceMs = 120_000

/** Changes the lab's configuration. */
export type Rules = (config: LabConfig) => void

/** A node's life from the controller's database, times in ms since the epoch. */
export interface LifeTimes {
  readonly name: string
  readonly type: string
  readonly beganAtMs: number
  /** null: it never was. */
  readonly readyAtMs: number | null
  /** null: it lives. */
  readonly goneAtMs: number | null
  readonly failure: string | null
}

/** A lab whose Slurm and controller know the nodes of these rules; idle nodes go after two seconds unless they say otherwise. */
export async function policyUp(rules: Rules): Promise<Lab> {
  const lab = await Lab.up({ name: labName, caches: false })
  try {
    write(lab, rules)
    await lab.declareNodes()
    await lab.startController()
    return lab
  } catch (thrown) {
    await lab.down()
    throw thrown
  }
}

/** Writes the controller's file anew; nobody is told. */
export function write(lab: Lab, rules: Rules): void {
  lab.configure((config) => {
    for (const site of Object.values(config.sites)) site.nodes.idle = '2s'
    rules(config)
  })
}

/** Writes the controller's file anew and has it reloaded; resolves to what `causeway policy reload` said. */
export async function reload(lab: Lab, rules: Rules): Promise<string> {
  write(lab, rules)
  return must(lab.causeway(['policy', 'reload']))
}

/** A script that runs until `open` is called with the same name, then says where it ran. */
export function gate(name: string): string {
  return `while [ ! -e /home/alice/open-${name} ]; do sleep 0.2; done; hostname`
}

export function open(lab: Lab, name: string): void {
  lab.head.write(`/home/alice/open-${name}`, { content: '' })
}

/** Asks Causeway's command line until it says this; resolves to all that it said. */
export async function says(lab: Lab, argv: readonly string[], pattern: RegExp): Promise<string> {
  let said = ''
  const asked = until(`causeway ${argv.join(' ')} says ${pattern}`, patienceMs, async () => {
    const { stdout, stderr } = await lab.causeway(argv)
    said = stdout + stderr
    return pattern.test(said)
  })
  await asked.catch((cause: unknown) => {
    throw new Error(`causeway ${argv.join(' ')} never said ${pattern}, but at last:\n${said}`, { cause })
  })
  return said
}

/** What Slurm says of a job: state and reason, `PENDING JobHeldAdmin`. */
export async function inQueue(lab: Lab, job: string): Promise<string> {
  return (await must(lab.asAlice(['squeue', '--noheader', '--states=all', `--jobs=${job}`, '--format=%T %r']))).trim()
}

/** What Slurm says of a node: its state and the reason that was given with it, `drained~ causeway: ...`. */
export async function nodeInQueue(lab: Lab, name: string): Promise<string> {
  const said = await must(lab.head.exec(['sinfo', '--noheader', '--Node', `--nodes=${name}`, '--format=%T %E']))
  return said.trim()
}

/** Waits until Slurm says this of a job or a node. */
export async function slurmSays(
  lab: Lab,
  ask: (lab: Lab, what: string) => Promise<string>,
  what: string,
  pattern: RegExp,
): Promise<void> {
  let said = ''
  const asked = until(`Slurm says ${pattern} of ${what}`, patienceMs, async () => {
    said = await ask(lab, what)
    return pattern.test(said)
  })
  await asked.catch((cause: unknown) => {
    throw new Error(`of ${what} Slurm never said ${pattern}, but at last: ${said}`, { cause })
  })
}

/** On which node a job said that it ran, once it has ended. */
export function ranOn(lab: Lab, job: string): string {
  return lab.head.read(`/home/alice/out-${job}`).trim()
}

export async function status(lab: Lab): Promise<StatusReport> {
  return JSON.parse(await must(lab.causeway(['status', '--json']))) as StatusReport
}

/** All lives that there were, oldest first. */
export function lifeTimes(lab: Lab): LifeTimes[] {
  const db = new Database(join(labFolder(lab.name), 'disk/head/causeway/causeway.db'), { readonly: true })
  try {
    const ready = `(select min(at) from events where node_id = nodes.id and json_extract(facts, '$.phase') = 'ready')`
    const columns = `name, type, began_at as beganAtMs, ${ready} as readyAtMs, gone_at as goneAtMs, failure_code as failure`
    return db.prepare(`select ${columns} from nodes order by began_at, name`).all() as LifeTimes[]
  } finally {
    db.close()
  }
}

/** The most nodes that lived at one time. */
export function mostAtOnce(times: readonly LifeTimes[]): number {
  const living = (atMs: number) => times.filter((l) => l.beganAtMs <= atMs && (l.goneAtMs ?? Infinity) > atMs).length
  return Math.max(0, ...times.map((life) => living(life.beganAtMs)))
}
