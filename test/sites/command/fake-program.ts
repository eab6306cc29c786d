import { CausewayError } from '../../../src/base/errors.ts'
import type { ExecOptions, ExecResult, Host } from '../../../src/base/host.ts'
import type { MachineSpec } from '../../../src/sites/driver.ts'
import { showInProcess } from './shown-process.ts'

/** What goes wrong with a driver program. */
export type Fault =
  | 'junk on stdout'
  | 'lists other clusters'
  | 'capacity without hosts'
  | 'ignores the command'
  | 'ignores the protocol'
  | 'takes paths as ids'
  | 'complains of what is gone'
  | 'console of nothing'
  | 'any image'
  | 'ignores avoidHosts'
  | 'forgets the name'
  | 'lists another time'
  | 'counts nothing'
  | 'makes it twice'
  | 'endless console'
  | 'only one at a time'
  | 'wrong host'
  | 'secret in argv'
  | 'stuck when killed'
  | 'delete does nothing'
  | 'port stays'

interface Question {
  readonly protocol?: string
  readonly cluster: string
  readonly id?: string
  readonly machine?: MachineSpec
}

interface Stamped {
  readonly id: string
  readonly name: string
  readonly cluster: string
  readonly createdAtMs: number
  readonly half: boolean
}

/** Ends the program with a status. */
class Exit extends Error {
  readonly status: number

  constructor(status: number) {
    super(`status ${status}`)
    this.status = status
  }
}

/** A host with one driver program, which has one fault or none; its machines are in memory only. */
export class FakeProgram implements Host {
  readonly name = 'head'
  readonly machines = new Map<string, Stamped>()
  readonly #fault: Fault | null
  readonly #ports = new Set<string>()
  #busy = 0
  #clock = Date.now()

  constructor(fault: Fault | null = null) {
    this.#fault = fault
  }

  async exec(argv: readonly string[], { stdin = '' }: ExecOptions = {}): Promise<ExecResult> {
    const killed = argv.includes('KILL')
    this.#busy += 1
    await new Promise((resolve) => setImmediate(resolve))
    try {
      const answer = await this.#run(argv.at(-1) ?? '', String(stdin), killed)
      if (killed) return { code: 137, stdout: '', stderr: '' }
      const junk = this.#fault === 'junk on stdout' ? 'connecting...\n' : ''
      return { code: 0, stdout: `${junk}${JSON.stringify(answer)}`, stderr: '' }
    } catch (error) {
      if (error instanceof Exit) return { code: error.status, stdout: '', stderr: error.message }
      throw error
    } finally {
      this.#busy -= 1
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #run(verb: string, stdin: string, killed: boolean): Promise<unknown> {
    const question = this.#parse(stdin)
    const id = question.machine?.id ?? question.id
    if (id !== undefined && this.#fault !== 'takes paths as ids' && id.includes('/')) throw new Exit(64)
    switch (verb) {
      case 'list':
        return { machines: this.#list(question.cluster) }
      case 'capacity':
        return this.#capacity(question.cluster)
      case 'create':
        if (!question.machine) throw new Exit(64)
        return { machine: await this.#create(question.machine, killed) }
      case 'delete':
        if (id === undefined) throw new Exit(64)
        return this.#delete(id)
      case 'console':
        return { console: this.#console(id ?? '') }
      default:
        if (this.#fault === 'ignores the command') return {}
        throw new Exit(64)
    }
  }

  #parse(stdin: string): Question {
    try {
      const question = JSON.parse(stdin) as Question
      if (question.protocol === 'causeway-driver/1' || this.#fault === 'ignores the protocol') return question
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
    throw new Exit(64)
  }

  #list(cluster: string): object[] {
    return [...this.machines.values()]
      .filter((machine) => machine.cluster === cluster || this.#fault === 'lists other clusters')
      .map((machine) => {
        const createdAtMs = machine.createdAtMs + (this.#fault === 'lists another time' ? 1 : 0)
        return { ...this.#told(machine), cluster, createdAtMs }
      })
  }

  #capacity(cluster: string): object {
    if (this.#fault === 'capacity without hosts') return { hosts: [] }
    const machines = this.#fault === 'counts nothing' ? 0 : this.#list(cluster).length
    return { hosts: [{ host: 'h1', machines }] }
  }

  async #create(spec: MachineSpec, killed: boolean): Promise<object> {
    const known = this.machines.get(spec.id)
    if (known?.half && this.#fault === 'stuck when killed') throw new Exit(1)
    if (known && !known.half && this.#fault !== 'makes it twice') return this.#told(known)
    if (spec.avoidHosts.includes('h1') && this.#fault !== 'ignores avoidHosts') throw new Exit(73)
    if (spec.image.startsWith('/no/') && this.#fault !== 'any image') throw new Exit(66)
    if (this.#ports.has(spec.nic.port) && this.#fault === 'port stays' && !known) throw new Exit(1)
    if (this.#busy > 1 && this.#fault === 'only one at a time') throw new Exit(1)
    if (this.#fault === 'secret in argv') await showInProcesses(spec)
    const name = this.#fault === 'forgets the name' ? 'machine' : spec.name
    const { id, cluster } = spec
    const machine = { id, name, cluster, createdAtMs: ++this.#clock, half: killed }
    this.machines.set(id, machine)
    this.#ports.add(spec.nic.port)
    return this.#told(machine)
  }

  #delete(id: string): object {
    if (!this.machines.has(id) && this.#fault === 'complains of what is gone') throw new Exit(1)
    if (this.#fault !== 'delete does nothing' || id.endsWith('-killed')) this.machines.delete(id)
    return {}
  }

  #console(id: string): string {
    if (this.machines.has(id)) return this.#fault === 'endless console' ? 'x'.repeat(70_000) : 'hello'
    return this.#fault === 'console of nothing' ? 'no such machine' : ''
  }

  #told({ id, name, cluster, createdAtMs, half }: Stamped): object {
    const host = this.#fault === 'wrong host' ? 'h9' : 'h1'
    return { id, name, cluster, createdAtMs, state: half ? 'stopped' : 'running', host }
  }
}

/** Has a process of this machine show all of the seed's secrets in its arguments for a while. */
function showInProcesses({ seed }: MachineSpec): Promise<void> {
  const secrets = seed.map(({ content }) => content.trim()).filter((content) => content.startsWith('secret-'))
  return showInProcess({ argv: secrets })
}

/** A host on which nothing can be run. */
export const unreachableHost: Host = {
  name: 'head',
  exec: () => Promise.reject(new CausewayError('HostUnreachable', 'head: no connection')),
  close: () => Promise.resolve(),
}
