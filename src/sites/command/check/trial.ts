import { createHash } from 'node:crypto'
import type { ExecResult } from '../../../base/host.ts'
import { renderNoCloud } from '../../cloud-init/no-cloud.ts'
import type { Machine, MachineSpec } from '../../driver.ts'
import { ConsoleAnswer } from '../answers.ts'
import { CommandDriver, type CommandDriverOptions } from '../command-driver.ts'
import { DriverProgram } from '../program.ts'
import { protocolName, type Question } from '../protocol.ts'

/** What a driver program is checked with. */
export interface TrialOptions extends Omit<CommandDriverOptions, 'cluster'> {
  /** What is random in it: different for each check, `[a-z0-9]{4,12}`. */
  readonly tag: string
  /** What the machines are to be like. */
  readonly machine: Pick<MachineSpec, 'type' | 'image' | 'cpus' | 'memoryMiB'> & { readonly bridge: string }
}

/** A check of a driver program under way: it knows every machine that it made, and removes them all. */
export class Trial {
  /** The driver of a cluster that nobody else has. */
  readonly driver: CommandDriver
  /** The driver of another one. */
  readonly other: CommandDriver
  readonly program: DriverProgram
  /** A text in every seed that nobody may see. */
  readonly secret: string
  /** How long the first create took, ms; 0 before it. */
  createdInMs = 0
  readonly #options: TrialOptions
  readonly #made = new Set<string>()
  #machine: Promise<Machine> | null = null

  constructor(options: TrialOptions) {
    this.#options = options
    this.driver = new CommandDriver({ ...options, cluster: this.cluster })
    this.other = new CommandDriver({ ...options, cluster: `${this.cluster}-other` })
    this.program = new DriverProgram(options)
    this.secret = `secret-${createHash('sha256').update(options.tag).digest('hex').slice(0, 24)}`
  }

  get cluster(): string {
    return `check-${this.#options.tag}`
  }

  /** The ids of all machines that were to be made. */
  get made(): readonly string[] {
    return [...this.#made]
  }

  /** The id of a machine of this check. */
  id(name: string): string {
    return `check-${this.#options.tag}-${name}`
  }

  /** What to make under a name. Whatever is asked for is removed in the end. */
  spec(name: string, over: Partial<MachineSpec> = {}): MachineSpec {
    const { bridge, ...size } = this.#options.machine
    const id = this.id(name)
    this.#made.add(id)
    const hex = createHash('sha256').update(id).digest('hex')
    return {
      id,
      name: `check-${name}`,
      cluster: this.cluster,
      ...size,
      nic: {
        mac: `02:${hex.slice(0, 10).replace(/..(?=.)/g, '$&:')}`,
        port: `cwp${hex.slice(0, 8)}`,
        bridge,
        mtu: 1450,
        address: `198.18.${Number.parseInt(hex.slice(0, 2), 16)}.${1 + (Number.parseInt(hex.slice(2, 4), 16) % 250)}/15`,
        router: '198.18.0.254',
        ipv6: null,
        resolver: null,
      },
      seed: [
        { path: 'boot', mode: 0o755, content: `#!/bin/sh\necho "hello from check-${name}"\n` },
        { path: 'secrets/key', mode: 0o600, content: `${this.secret}\n` },
      ],
      avoidHosts: [],
      first: false,
      ...over,
    }
  }

  /** The machine that most promises are tried on, made when it is first asked for. */
  machine(): Promise<Machine> {
    this.#machine ??= this.#makeMachine()
    return this.#machine
  }

  /** Runs the program with a document that may be wrong; what it lacks are the parts that all documents have. */
  run(verb: string, question: object = {}): Promise<ExecResult> {
    return this.program.run(verb, JSON.stringify(this.#document(question)))
  }

  /** What the program says that a machine printed, all of it. */
  async wholeConsole(name: string): Promise<string> {
    return (await this.program.ask('console', this.#document({ id: this.id(name) }), ConsoleAnswer)).console
  }

  /** Asks for a machine that the program is to refuse, and returns how it ended. */
  runCreate(machine: MachineSpec): Promise<ExecResult> {
    return this.run('create', { machine, noCloud: renderNoCloud(machine) })
  }

  /** Kills a call for a machine after some time, as a crash of the head would. */
  async kill(verb: 'create' | 'delete', machine: MachineSpec, afterMs: number): Promise<void> {
    const parts = verb === 'create' ? { machine, noCloud: renderNoCloud(machine) } : { id: machine.id }
    await this.program.run(verb, JSON.stringify(this.#document(parts)), afterMs)
  }

  #document(question: object): object {
    const { site, settings = {} } = this.#options
    const usual: Question = { protocol: protocolName, site, cluster: this.cluster, settings }
    return { ...usual, ...question }
  }

  async #makeMachine(): Promise<Machine> {
    const before = performance.now()
    const machine = await this.driver.create(this.spec('main'))
    this.createdInMs = performance.now() - before
    return machine
  }
}
