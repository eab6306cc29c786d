import { CausewayError } from '../../base/errors.ts'
import { renderNoCloud } from '../cloud-init/no-cloud.ts'
import { consoleEnd } from '../console-end.ts'
import type { Capacity, Driver, Listing, Machine, MachineSpec } from '../driver.ts'
import {
  CapacityAnswer,
  ConsoleAnswer,
  CreateAnswer,
  DeleteAnswer,
  ListAnswer,
  type MachineAnswer,
  malformed,
} from './answers.ts'
import { DriverProgram, type DriverProgramOptions } from './program.ts'
import { protocolName, type Question } from './protocol.ts'

/** How a `CommandDriver` reaches its machines. */
export interface CommandDriverOptions extends DriverProgramOptions {
  readonly site: string
  /** `list` shows the machines of this cluster. */
  readonly cluster: string
  /** Handed to the program with every call, as it is. */
  readonly settings?: Question['settings']
  /** The same for the machines of a node type, over those of the site. */
  readonly types?: Readonly<Record<string, Question['settings']>>
}

/**
 * Any program as a driver (docs/driver-command.md). What it answers is checked before it is believed: a machine without
 * an id of ours, or of another cluster, never gets to the engine.
 */
export class CommandDriver implements Driver {
  readonly site: string
  readonly #options: CommandDriverOptions
  readonly #program: DriverProgram

  constructor(options: CommandDriverOptions) {
    this.site = options.site
    this.#options = options
    this.#program = new DriverProgram(options)
  }

  async list(): Promise<Listing> {
    const { machines, unread = [] } = await this.#program.ask('list', this.#question(), ListAnswer)
    const ids = new Set<string>()
    for (const [index, machine] of machines.entries()) {
      this.#check('list', ['machines', index], machine)
      if (ids.has(machine.id)) throw this.#malformed('list', ['machines', index, 'id'], `${machine.id} is there twice`)
      ids.add(machine.id)
    }
    return {
      machines: machines.map(asMachine),
      unread: unread.map(({ host, message }) => {
        return { host, error: new CausewayError('HostUnreachable', `${this.site}: ${host}: ${message}`) }
      }),
    }
  }

  async create(machine: MachineSpec): Promise<Machine> {
    const settings = { ...this.#options.settings, ...this.#options.types?.[machine.type] }
    const question: Question = { ...this.#question(), settings, machine, noCloud: renderNoCloud(machine) }
    const answer = await this.#program.ask('create', question, CreateAnswer)
    this.#check('create', ['machine'], answer.machine)
    for (const [field, expected] of [
      ['id', machine.id],
      ['state', 'running'],
    ] as const) {
      const got = answer.machine[field]
      if (got !== expected) throw this.#malformed('create', ['machine', field], `expected "${expected}", got "${got}"`)
    }
    return asMachine(answer.machine)
  }

  async delete(id: string): Promise<void> {
    await this.#program.ask('delete', { ...this.#question(), id }, DeleteAnswer)
  }

  async console(id: string): Promise<string> {
    const answer = await this.#program.ask('console', { ...this.#question(), id }, ConsoleAnswer)
    return consoleEnd(answer.console)
  }

  async capacity(): Promise<Capacity> {
    const { hosts, offers = [], machinesLeft } = await this.#program.ask('capacity', this.#question(), CapacityAnswer)
    const unknown = { closed: null, cpus: null, memoryMiB: null, freeMemoryMiB: null }
    const plain = { zone: null, gpus: 0, pricePerHour: null, interruptible: false }
    return {
      hosts: hosts.map((host) => ({ ...unknown, ...host })),
      offers: offers.map((offer) => ({ ...plain, ...offer })),
      machinesLeft: machinesLeft ?? null,
    }
  }

  /** Nothing is kept open, and the host is its owner's to close. */
  close(): Promise<void> {
    return Promise.resolve()
  }

  #question(): Question {
    const { site, cluster, settings = {} } = this.#options
    return { protocol: protocolName, site, cluster, settings }
  }

  #check(verb: string, path: readonly (string | number)[], { cluster }: MachineAnswer): void {
    if (cluster === this.#options.cluster) return
    const message = `expected the asked cluster, "${this.#options.cluster}", got "${cluster}"`
    throw this.#malformed(verb, [...path, 'cluster'], message)
  }

  #malformed(verb: string, path: readonly (string | number)[], message: string): CausewayError {
    return malformed(this.#program.describe(verb), path, message)
  }
}

function asMachine({ host, address, leaving, ...rest }: MachineAnswer): Machine {
  return { ...rest, host: host ?? null, address: address ?? null, leaving: leaving ?? null }
}
