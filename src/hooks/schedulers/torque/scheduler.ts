import { CausewayError } from '../../../base/errors.ts'
import type { QueueSnapshot } from '../../../elastic/plan/demand.ts'
import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'
import {
  type Capabilities,
  defaultCapabilities,
  type Registration,
  type Scheduler,
} from '../../../elastic/scheduler.ts'
import { TorqueClient, type TorqueOptions } from './client.ts'
import { confineSpec } from './node-spec.ts'
import { isOurs, leavingNote, type TorqueNode } from './pbsnodes.ts'
import { isHeldByUs, type TorqueJob } from './qstat.ts'
import { Registrar } from './registrar.ts'
import { commentText, noteText } from './texts.ts'

/**
 * Torque behind the port, by its command line tools. Truth is `qstat -x -t` and `pbsnodes -x`; every act reads first and touches
 * only what its contract allows. Names and jobs that Torque does not know are passed over.
 *
 * Torque knows nothing of machines, so a node is `present` as long as it is registered; `powerUp`, `close` and `reopen` have
 * nothing to tell it.
 */
export class TorqueScheduler implements Scheduler {
  readonly kind = 'torque'
  readonly capabilities: Capabilities = { ...defaultCapabilities, confines: true }
  readonly #torque: TorqueClient
  readonly #registrar: Registrar

  constructor(options: TorqueOptions) {
    this.#torque = new TorqueClient(options)
    this.#registrar = new Registrar(this.#torque, options.possible ?? (() => nothingPossible))
  }

  /** Nodes that were powered down while jobs were on them are forgotten here, once those have ended. */
  async snapshot(): Promise<QueueSnapshot> {
    const [jobs, all] = await Promise.all([this.#torque.jobs(), this.#torque.nodes()])
    await this.#registrar.letLargeJobsIn(all)
    const nodes = all.filter((node) => node.name !== this.#torque.placeholder)
    const over = nodes.filter((node) => node.power === 'leaving' && !node.busy)
    const forgotten = await this.#forget(over)
    return { jobs, nodes: nodes.filter((node) => !forgotten.has(node.name)) }
  }

  async register(nodes: readonly Registration[]): Promise<void> {
    if (nodes.length > 0) await this.#registrar.register(nodes)
  }

  async powerUp(): Promise<void> {}

  async drain(names: readonly string[], reason: string): Promise<void> {
    const nodes = await this.#find(names)
    await this.#offline(
      nodes.filter((node) => !node.drained),
      noteText(reason),
    )
  }

  async cancelDrain(names: readonly string[]): Promise<void> {
    const ours = (await this.#find(names)).filter(isOurs)
    // `-c` alone would leave the note: `-N n` takes it away.
    await this.#tellNodes(['pbsnodes', '-c', '-N', 'n'], ours)
  }

  async powerDown(names: readonly string[]): Promise<void> {
    const nodes = await this.#find(names)
    const isAdmins = (node: TorqueNode) => node.drained && !isOurs(node)
    const mark = nodes.filter((node) => !isAdmins(node) && (node.busy || !node.drained) && node.power !== 'leaving')
    await this.#offline(mark, `${leavingNote} when its jobs have ended`)
    const now = mark.length === 0 ? nodes : await this.#find(names)
    const idle = now.filter((node) => node.drained && !node.busy)
    this.#complain(idle, await this.#forget(idle))
  }

  async fail(names: readonly string[], reason: string): Promise<void> {
    const nodes = await this.#find(names)
    if (nodes.length === 0) return
    await this.#offline(
      nodes.filter((node) => !node.drained),
      noteText(reason),
    )
    const failed = new Set(nodes.map((node) => node.name))
    const isThere = (job: TorqueJob) => holdsNodes(job) && job.nodes.some((name) => failed.has(name))
    const jobs = (await this.#torque.jobs()).filter(isThere)
    const areOff = async () => !(await this.#torque.jobs()).some(isThere)
    const idsOf = (rerunnable: boolean) => jobs.filter((job) => job.rerunnable === rerunnable).map((job) => job.id)
    await this.#torque.tell(['qrerun', '-f'], idsOf(true), areOff)
    // Torque does not run such a job again whatever one says. Its processes are gone with the machine; left alone, it would run for ever.
    await this.#torque.tell(['qdel', '-p'], idsOf(false), areOff)
    await this.#torque.until('jobs go back to the queue', async () => ((await areOff()) ? true : null))
    const free = await this.#torque.until('go of nodes', async () => {
      const now = await this.#find(names)
      return now.some((node) => node.busy) ? null : now
    })
    this.#complain(free, await this.#forget(free))
  }

  async close(): Promise<void> {}

  async reopen(): Promise<void> {}

  /** The reason is left to `explain`: a hold is known by its letters alone. */
  async hold(jobs: readonly string[]): Promise<void> {
    if (jobs.length === 0) return
    const asked = new Set(jobs)
    const isFree = (job: TorqueJob) => asked.has(job.id) && job.state === 'pending' && !/[uos]/.test(job.holds)
    const all = await this.#torque.jobs()
    const ids = all.filter(isFree).map((job) => job.id)
    await this.#torque.tell(['qhold', '-h', 'os'], ids, async () => !(await this.#torque.jobs()).some(isFree))
    await this.#release(all.filter(isHeldInVain))
  }

  async release(jobs: readonly string[]): Promise<void> {
    if (jobs.length === 0) return
    const asked = new Set(jobs)
    const all = await this.#torque.jobs()
    await this.#release(
      all.filter((job) => isHeldInVain(job) || (asked.has(job.id) && job.blocked === 'HeldByCauseway')),
    )
  }

  async confine(jobs: readonly string[], site: string): Promise<void> {
    if (jobs.length === 0) return
    const asked = new Set(jobs)
    const isAstray = (job: TorqueJob) =>
      asked.has(job.id) && job.state === 'pending' && job.nodeSpec !== '' && job.confinedTo !== site
    const astray = (await this.#torque.jobs()).filter(isAstray)
    const isDone = async () => !(await this.#torque.jobs()).some(isAstray)
    for (const [spec, group] of Map.groupBy(astray, (job) => confineSpec(job.nodeSpec, site))) {
      await this.#torque.tell(
        ['qalter', '-l', `nodes=${spec}`],
        group.map((job) => job.id),
        isDone,
      )
    }
  }

  /** In the job's comment. The schedulers write theirs there too, whenever they look at the job; what a person wrote stays. */
  async explain(texts: ReadonlyMap<string, string>): Promise<void> {
    if (texts.size === 0) return
    const wish = (job: TorqueJob) => commentText(texts.get(job.id) ?? '')
    const isSilent = (job: TorqueJob) =>
      texts.has(job.id) && job.state !== 'ended' && isOverwritable(job.comment) && job.comment !== wish(job)
    const silent = (await this.#torque.jobs()).filter(isSilent)
    const before = new Map(silent.map((job) => [job.id, job.comment]))
    // Whatever else is there now, a scheduler may have written over ours at once.
    const isDone = async () =>
      !(await this.#torque.jobs()).some((job) => isSilent(job) && before.get(job.id) === job.comment)
    for (const [text, group] of Map.groupBy(silent, wish)) {
      await this.#torque.tell(
        ['qalter', '-W', `comment=${text}`],
        group.map((job) => job.id),
        isDone,
      )
    }
  }

  async #find(names: readonly string[]): Promise<TorqueNode[]> {
    if (names.length === 0) return []
    const asked = new Set(names)
    asked.delete(this.#torque.placeholder)
    return (await this.#torque.nodes()).filter((node) => asked.has(node.name))
  }

  async #offline(nodes: readonly TorqueNode[], note: string): Promise<void> {
    await this.#tellNodes(['pbsnodes', '-o', '-N', note], nodes)
  }

  async #tellNodes(argv: readonly string[], nodes: readonly TorqueNode[]): Promise<void> {
    const names = nodes.map((node) => node.name)
    // A node that went in between needs no telling.
    const isDone = async () => (await this.#find(names)).length < names.length
    await this.#torque.tell(argv, names, isDone)
  }

  /** Returns the names that pbs_server has forgotten. */
  async #forget(nodes: readonly TorqueNode[]): Promise<ReadonlySet<string>> {
    const names = nodes.map((node) => node.name)
    const said = await this.#torque.qmgr(names.map((name) => `delete node ${name}`))
    if (said === '') return new Set(names)
    const left = new Set((await this.#find(names)).map((node) => node.name))
    return new Set(names.filter((name) => !left.has(name)))
  }

  #complain(nodes: readonly TorqueNode[], forgotten: ReadonlySet<string>): void {
    const left = nodes.filter((node) => !forgotten.has(node.name)).map((node) => node.name)
    if (left.length > 0) throw new CausewayError('CommandFailed', `pbs_server keeps node ${left.join(', ')}`)
  }

  async #release(held: readonly TorqueJob[]): Promise<void> {
    const ids = new Set(held.map((job) => job.id))
    const isDone = async () => !(await this.#torque.jobs()).some((job) => ids.has(job.id) && isHeldByUs(job.holds))
    await this.#torque.tell(['qrls', '-h', 'os'], [...ids], isDone)
  }
}

const nothingPossible: readonly Registration[] = []

/** Began as it was being held: the hold has no effect now, but would have if it went back to the queue. */
function isHeldInVain(job: TorqueJob): boolean {
  return job.state !== 'pending' && job.state !== 'ended' && isHeldByUs(job.holds)
}

function holdsNodes(job: TorqueJob): boolean {
  return job.state !== 'pending' && job.state !== 'ended'
}

/** Nobody's, ours, or what a scheduler says of every job. */
function isOverwritable(comment: string): boolean {
  return comment === '' || comment.startsWith(reasonPrefix) || /^(Not Running|Job started)/.test(comment)
}
