import { CausewayError } from '../../../base/errors.ts'
import type { Registration } from '../../../elastic/scheduler.ts'
import type { TorqueClient } from './client.ts'
import { confinementPrefix } from './node-spec.ts'
import { isOurs, type TorqueNode } from './pbsnodes.ts'
import { noteText } from './texts.ts'

/**
 * Longest wait until the other nodes' daemons have been told of a new node, ms. It took 12 s on an idle server, which tells them
 * at times of its own choosing.
 */
const announceTimeoutMs = 120_000

/** More processors than any job asks for of one node, and more nodes than any job asks for. */
const plenty = { np: 1024, nodes: 99_999 }

interface Call {
  readonly nodes: readonly Registration[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Brings nodes into Torque. A node's daemon must start only after the others know of it: daemons that meet a stranger reject it for good,
 * and jobs over several nodes hang. So all that is asked for while one batch is under way makes the next one, and a call
 * returns when its nodes are announced.
 */
export class Registrar {
  readonly #torque: TorqueClient
  #calls: Call[] = []
  #works = false
  readonly #possible: () => readonly Registration[]
  /** pbs_server was seen to let jobs in that are larger than the cluster, of these nodes. */
  #letsIn: readonly Registration[] | null = null

  /** @param possible all nodes that there may be; the same list as long as they are the same */
  constructor(torque: TorqueClient, possible: () => readonly Registration[]) {
    this.#torque = torque
    this.#possible = possible
  }

  register(nodes: readonly Registration[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ nodes, resolve, reject })
      if (!this.#works) void this.#work()
    })
  }

  /**
   * Makes sure that jobs larger than the cluster is now are let in, and jobs that ask for what no node has yet: pbs_server counts an
   * offline node's processors and properties, and looks at `resources_available.nodect` instead of the number of nodes. An admin's
   * own limit there stays.
   * @param nodes as just read
   */
  async letLargeJobsIn(nodes: readonly TorqueNode[]): Promise<void> {
    const { placeholder } = this.#torque
    const known = nodes.find((node) => node.name === placeholder)
    const possible = this.#possible()
    if (known && this.#letsIn === possible) return
    const said = await this.#torque.qmgr([
      ...(known ? [] : placeholderLines(placeholder)),
      ...propertyLines(placeholder, known, possible),
      ...nodectLines(await this.#torque.settings()),
    ])
    if (said !== '' && (known || !(await this.#knows(placeholder)))) {
      const what = known
        ? 'refuses the settings that let jobs in which are larger than the cluster'
        : `does not take the placeholder node ${placeholder}, whose name must resolve`
      throw new CausewayError('CommandFailed', `pbs_server ${what}: ${said}`)
    }
    this.#letsIn = possible
  }

  async #work(): Promise<void> {
    this.#works = true
    // What is asked for in one go makes one batch.
    await Promise.resolve()
    while (this.#calls.length > 0) {
      const calls = this.#calls
      this.#calls = []
      try {
        const missing = await this.#bringIn(calls.flatMap((call) => call.nodes))
        for (const { nodes, resolve, reject } of calls) {
          const error = nodes.map(({ name }) => missing.get(name)).find((found) => found !== undefined)
          if (error) reject(error)
          else resolve()
        }
      } catch (error) {
        for (const { reject } of calls) reject(error)
      }
    }
    this.#works = false
  }

  /** Returns an error for each node that pbs_server does not take. */
  async #bringIn(nodes: readonly Registration[]): Promise<ReadonlyMap<string, CausewayError>> {
    const before = await this.#torque.nodes()
    await this.letLargeJobsIn(before)
    const byName = new Map(before.map((node) => [node.name, node]))
    const wishes = [...new Map(nodes.map((node) => [node.name, node])).values()]
    const said = await this.#torque.qmgr([
      ...wishes.flatMap((node) => nodeLines(node, byName.get(node.name))),
      ...propertyLines(this.#torque.placeholder, byName.get(this.#torque.placeholder), wishes, this.#possible()),
    ])
    const ours = wishes.map(({ name }) => byName.get(name)).filter((node) => node !== undefined && isOurs(node))
    if (ours.length > 0) await this.#torque.run(['pbsnodes', '-c', '-N', 'n', ...ours.map((node) => node?.name ?? '')])
    const names = new Set(wishes.map(({ name }) => name))
    const known = await this.#torque.until(
      'the other nodes know of new ones',
      async () => {
        const now = (await this.#torque.nodes()).filter((node) => names.has(node.name))
        return now.some((node) => node.unannounced) ? null : new Set(now.map((node) => node.name))
      },
      announceTimeoutMs,
    )
    const refused = [...names].filter((name) => !known.has(name))
    return new Map(refused.map((name) => [name, notTaken(name, said)]))
  }

  async #knows(name: string): Promise<boolean> {
    return (await this.#torque.nodes()).some((node) => node.name === name)
  }
}

function notTaken(name: string, said: string): CausewayError {
  return new CausewayError('CommandFailed', `pbs_server does not take node ${name}, whose name must resolve: ${said}`)
}

/** The commands that make a node what it is to be; none for one that is so. */
function nodeLines(wish: Registration, known: TorqueNode | undefined): string[] {
  const { name, size } = wish
  const properties = propertiesOf(wish)
  const create = known ? [] : [`create node ${name}`]
  const np = known?.np === size.cpus ? [] : [`set node ${name} np = ${size.cpus}`]
  const gpus = (known?.gpus ?? 0) === size.gpus ? [] : [`set node ${name} gpus = ${size.gpus}`]
  const isSame = known?.properties.length === properties.length && properties.every((p) => known.properties.includes(p))
  const set = properties.map((property, k) => `set node ${name} properties ${k === 0 ? '=' : '+='} ${property}`)
  return [...create, ...np, ...gpus, ...(isSame ? [] : set)]
}

function propertiesOf(wish: Registration): string[] {
  return [...new Set([...wish.features, `${confinementPrefix}${wish.site}`])].filter((word) => /^[\w.-]+$/.test(word))
}

/**
 * The placeholder has every property that some node has, or may have.
 * @param told nodes of which it has been told since it was read
 */
function propertyLines(
  name: string,
  known: TorqueNode | undefined,
  wishes: readonly Registration[],
  told: readonly Registration[] = [],
): string[] {
  const has = new Set([...(known?.properties ?? []), ...told.flatMap(propertiesOf)])
  const lacks = new Set(wishes.flatMap(propertiesOf).filter((property) => !has.has(property)))
  return [...lacks].map((property) => `set node ${name} properties += ${property}`)
}

function placeholderLines(name: string): string[] {
  return [
    `create node ${name}`,
    `set node ${name} np = ${plenty.np}`,
    `set node ${name} state = offline`,
    `set node ${name} note = "${noteText('stands for nodes that are not there yet')}"`,
  ]
}

/** The commands that set the number of nodes a job may ask for, at the server and its queues, wherever nobody has. */
function nodectLines(settings: string): string[] {
  const queues = [...settings.matchAll(/^create queue (\S+)$/gm)].map((match) => `queue ${match[1]}`)
  return ['server', ...queues]
    .filter((target) => !settings.includes(`set ${target} resources_available.nodect = `))
    .map((target) => `set ${target} resources_available.nodect = ${plenty.nodes}`)
}
