import { CausewayError } from '../../../base/errors.ts'
import type { QueueNode, QueueSnapshot } from '../../../elastic/plan/demand.ts'
import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'
import {
  type Capabilities,
  defaultCapabilities,
  type Registration,
  type Scheduler,
} from '../../../elastic/scheduler.ts'
import { JoinedRead } from '../joined-read.ts'
import { SgeClient } from './client.ts'
import { idOf, isOurs, leavingReason } from './demand.ts'
import { EndedJobs } from './ended.ts'
import { explainArgvs, holdArgvs, isFree, releaseArgvs, unmarkArgvs, untidy } from './holds.ts'
import { addHosts, removeHosts, setEnabled, setReason } from './hosts.ts'
import { names } from './names.ts'
import type { SgeOptions } from './options.ts'
import { type Reading, SgeReader } from './reader.ts'
import { Batch, Serial } from './serial.ts'
import { SgeSetup } from './setup.ts'

/** Longest wait for sge_qmaster to take jobs off hosts that are lost. */
const settleTimeoutMs = 30_000
const settlePollMs = 200

/**
 * Grid Engine behind the port, by its command line tools. A node is an execution host of one cluster queue: known from `register`
 * until `powerDown` or `fail`, and `present` all that time, at first without responding. Truth is `qstat`; every act reads it first.
 *
 * A node that is to go while jobs are on it is disabled with a reason that says so, and is shown as `leaving`; the first reading that
 * finds nobody on it takes it out.
 */
export class SgeScheduler implements Scheduler {
  readonly kind = 'sge'
  /** `fail` brings back jobs too that may not be run again by default, but not those whose user said so (`qsub -r n`): they end. */
  readonly capabilities: Capabilities = defaultCapabilities
  readonly #options: SgeOptions
  readonly #client: SgeClient
  readonly #reader: SgeReader
  readonly #setup: SgeSetup
  readonly #ended = new EndedJobs()
  /** Everything that changes hosts, one after the other. */
  readonly #serial = new Serial()
  readonly #registrations: Batch<Registration>
  readonly #reading: JoinedRead<Reading>
  #leaving: ReadonlySet<string> = new Set()
  #prepared = false

  constructor(options: SgeOptions) {
    this.#options = options
    this.#client = new SgeClient(options)
    this.#reader = new SgeReader(this.#client, options)
    this.#setup = new SgeSetup(this.#client, options)
    this.#registrations = new Batch(this.#serial, (nodes) => this.#register(nodes))
    this.#reading = new JoinedRead(() => this.#reader.read())
  }

  /** The first one makes in Grid Engine what jobs ask for nodes by (`setup.ts`). */
  async snapshot(): Promise<QueueSnapshot> {
    if (!this.#prepared) await this.#serial.run(() => this.#prepare(this.#options.possible?.() ?? []))
    const { jobs, nodes } = await this.#reading.read()
    const ended = this.#ended.after(jobs, this.#options.clock.now())
    this.#leaving = new Set(namesOf(nodes.filter((node) => node.power === 'leaving')))
    const gone = nodes.some(isDone) ? await this.#serial.run(() => this.#removeDone()) : new Set<string>()
    return { jobs: [...jobs, ...ended], nodes: nodes.filter((node) => !gone.has(node.name)) }
  }

  register(nodes: readonly Registration[]): Promise<void> {
    return this.#registrations.add(nodes)
  }

  /** There are no nodes without a machine here. */
  async powerUp(): Promise<void> {}

  async drain(wanted: readonly string[], reason: string): Promise<void> {
    await this.#act(wanted, async (nodes) => {
      await this.#disable(
        nodes.filter((node) => !node.drained),
        reasonText(reason),
      )
    })
  }

  async cancelDrain(wanted: readonly string[]): Promise<void> {
    await this.#act(wanted, async (nodes) => {
      const ours = namesOf(nodes.filter((node) => node.drained && node.power !== 'leaving' && isOurs(node.reason)))
      await setEnabled(this.#client, this.#options, ours, true)
      await setReason(this.#client, ours, '')
    })
  }

  async powerDown(wanted: readonly string[]): Promise<void> {
    await this.#act(wanted, async (nodes) => {
      await this.#disable(nodes, leavingReason)
      // A job may have come to them until they were disabled.
      const { nodes: now, instances } = await this.#reading.read()
      const asked = new Set(namesOf(nodes))
      await this.#remove(
        now.filter((node) => asked.has(node.name) && !node.busy),
        instances,
      )
    })
  }

  async fail(wanted: readonly string[], _reason: string): Promise<void> {
    await this.#act(wanted, async (nodes) => {
      await this.#disable(nodes, leavingReason)
      const asked = new Set(namesOf(nodes))
      const deadline = this.#options.clock.now() + settleTimeoutMs
      for (;;) {
        const reading = await this.#reading.read()
        await this.#throwOffJobs(reading, asked)
        const left = reading.nodes.filter((node) => asked.has(node.name))
        const refused = await this.#remove(
          left.filter((node) => !node.busy),
          reading.instances,
        )
        if (refused.length === 0 && left.every((node) => !node.busy)) return
        if (this.#options.clock.now() >= deadline) {
          throw new CausewayError('CommandTimeout', `Grid Engine keeps jobs on ${namesOf(left).join(', ')}`)
        }
        await this.#options.clock.sleep(settlePollMs)
      }
    })
  }

  /** There are no nodes without a machine here. */
  async close(): Promise<void> {}

  /** A node that was given up is known no more. */
  async reopen(): Promise<void> {}

  async hold(wanted: readonly string[], reason: string): Promise<void> {
    await this.#alter(wanted, async (reading, asked) => {
      const free = reading.jobs.filter((job) => asked.has(job.id) && isFree(job)).map((job) => job.id)
      await this.#attemptAll(holdArgvs(free, reason), free)
      const { jobs } = await this.#reading.read()
      const still = jobs.find((job) => asked.has(job.id) && free.includes(job.id) && isFree(job))
      if (still) throw new CausewayError('CommandFailed', `Grid Engine did not hold job ${still.id}`)
    })
  }

  async release(wanted: readonly string[]): Promise<void> {
    await this.#alter(wanted, async (reading, asked) => {
      const held = reading.jobs.filter((job) => job.blocked === 'HeldByCauseway')
      const ids = held.map((job) => job.id).filter((id) => asked.has(id))
      await this.#attemptAll(releaseArgvs(ids), ids)
      // Who holds a job with our mark on it, and not as we do, is left with the hold and without the mark.
      const others = new Set(held.filter((job) => !asked.has(job.id)).map((job) => Number.parseInt(job.id, 10)))
      const alone = ids.map((id) => Number.parseInt(id, 10)).filter((number) => !others.has(number))
      await this.#attemptAll(unmarkArgvs([...new Set(alone)]), ids)
    })
  }

  /** Its parallel environments keep jobs at one site. */
  async confine(): Promise<void> {}

  async explain(texts: ReadonlyMap<string, string>): Promise<void> {
    await this.#attemptAll(explainArgvs(texts), [])
  }

  async #register(nodes: readonly Registration[]): Promise<void> {
    const add = async () => {
      await this.#prepare(nodes)
      await addHosts(this.#client, this.#options, await this.#client.complexes(), nodes)
    }
    try {
      await add()
    } catch (error) {
      if (!(error instanceof CausewayError) || error.code !== 'CommandFailed') throw error
      // Somebody may have removed what there was, or the master has started again from an older state.
      this.#setup.forget()
      await add()
    }
    const back = namesOf(nodes).filter((name) => this.#leaving.has(name))
    await setEnabled(this.#client, this.#options, back, true)
    await setReason(this.#client, back, '')
  }

  async #prepare(nodes: readonly Registration[]): Promise<void> {
    const features = nodes.flatMap((node) => node.features.filter((name) => !/^(?:site|type)-/.test(name)))
    const sites = nodes.map((node) => node.site)
    if (await this.#setup.ensure(sites, features)) this.#reader.forgetObjects()
    this.#prepared = true
  }

  /** The reason goes first: a node that is disabled without one counts as an administrator's. */
  async #disable(nodes: readonly QueueNode[], reason: string): Promise<void> {
    await setReason(this.#client, namesOf(nodes), reason)
    await setEnabled(this.#client, this.#options, namesOf(nodes), false)
  }

  /** Takes out the nodes that were to go and that nobody is on any more; resolves to their names. */
  async #removeDone(): Promise<ReadonlySet<string>> {
    // Calls that were before this one may have changed what is to go.
    const { nodes, instances } = await this.#reading.read()
    const done = nodes.filter(isDone)
    const kept = await this.#remove(done, instances)
    return new Set(namesOf(done).filter((name) => !kept.includes(name)))
  }

  async #throwOffJobs({ entries, details }: Reading, hosts: ReadonlySet<string>): Promise<void> {
    const there = entries.filter(({ host }) => host !== null && hosts.has(host))
    const ends = there.filter(({ number, state }) => state.includes('d') || details.get(number)?.runsOnce === true)
    const ending = new Set(ends.map(idOf))
    const back = new Set(there.map(idOf).filter((id) => !ending.has(id)))
    if (back.size > 0) await this.#client.attempt(['qmod', '-f', '-rj', ...back])
    if (ending.size > 0) await this.#client.attempt(['qdel', '-f', [...ending].join(',')])
  }

  async #remove(nodes: readonly QueueNode[], instances: Reading['instances']): Promise<string[]> {
    if (nodes.length === 0) return []
    const sites = new Map(instances.map(({ host, values }) => [host, values.get(names.site) ?? '']))
    return removeHosts(
      this.#client,
      this.#options,
      nodes.map(({ name, responding }) => ({ name, responding, site: sites.get(name) ?? '' })),
    )
  }

  /** Reads the nodes and carries out what is to be done with those asked for that there are. */
  async #act(wanted: readonly string[], act: (nodes: readonly QueueNode[]) => Promise<void>): Promise<void> {
    if (wanted.length === 0) return
    await this.#serial.run(async () => {
      const asked = new Set(wanted)
      const { nodes, instances } = await this.#reading.read()
      await this.#tidyReasons(nodes, instances)
      const inQueue = new Set(instances.filter(({ queue }) => queue === this.#options.queue).map(({ host }) => host))
      await act(nodes.filter((node) => asked.has(node.name) && inQueue.has(node.name)))
    })
  }

  /** A reason of ours on a node that somebody has enabled would make that one's own later drain look like ours. */
  async #tidyReasons(nodes: readonly QueueNode[], instances: Reading['instances']): Promise<void> {
    const open = new Set(namesOf(nodes.filter((node) => !node.drained)))
    const stale = instances.filter(
      ({ host, queue, values }) =>
        queue === this.#options.queue && open.has(host) && isOurs(values.get(names.drainReason) ?? ''),
    )
    await setReason(
      this.#client,
      stale.map(({ host }) => host),
      '',
    )
  }

  /** Reads the jobs, carries out what is to be done with those asked for, and makes good what earlier calls may have left. */
  async #alter(
    wanted: readonly string[],
    act: (reading: Reading, asked: ReadonlySet<string>) => Promise<void>,
  ): Promise<void> {
    if (wanted.length === 0) return
    await act(await this.#reading.read(), new Set(wanted))
    const { release, unmark } = untidy(await this.#reading.read())
    await this.#attemptAll(releaseArgvs(release), release)
    // The marks go last: without one, nobody would ever end a hold that is still there.
    await this.#attemptAll(unmarkArgvs(unmark), unmark.map(String))
  }

  /** Jobs may end meanwhile, which Grid Engine calls a failure. */
  async #attemptAll(argvs: readonly (readonly string[])[], ids: readonly string[]): Promise<void> {
    for (const argv of argvs) await this.#client.attempt(argv)
    this.#reader.forget(ids.map((id) => Number.parseInt(id, 10)))
  }
}

function isDone(node: QueueNode): boolean {
  return node.power === 'leaving' && !node.busy
}

function namesOf(nodes: readonly { readonly name: string }[]): string[] {
  return nodes.map((node) => node.name)
}

/** A reason as it is kept: one line, our prefix, at most 200 characters. */
function reasonText(reason: string): string {
  const line = reason.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim()
  return (line.startsWith(reasonPrefix) ? line : `${reasonPrefix} ${line}`).slice(0, 200)
}
