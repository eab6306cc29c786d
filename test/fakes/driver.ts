import type { Clock } from '../../src/base/clock.ts'
import { CausewayError } from '../../src/base/errors.ts'
import type { Capacity, Driver, Listing, Machine, MachineSpec } from '../../src/sites/driver.ts'

/** A call to a fake driver, in the order in which they were made. */
export type DriverCall =
  | { readonly call: 'create'; readonly id: string }
  | { readonly call: 'delete'; readonly id: string }
  | { readonly call: 'console'; readonly id: string }
  | { readonly call: 'list' }
  | { readonly call: 'capacity' }

interface FakeMachine {
  readonly spec: MachineSpec
  readonly createdAtMs: number
  running: boolean
  printed: string
}

/** A site that exists in memory only; several fake drivers may share one. */
export class FakeSite {
  readonly machines = new Map<string, FakeMachine>()
  /** Images that the site has. */
  readonly images = new Set<string>(['/images/base'])
  /** Machines that fit; a create beyond fails with `InsufficientCapacity`. */
  capacity = Infinity

  /** A machine's power fails. */
  cutPower(id: string): void {
    const machine = this.machines.get(id)
    if (machine) machine.running = false
  }

  /** A machine vanishes, with no call of ours. */
  vanish(id: string): void {
    this.machines.delete(id)
  }
}

/**
 * A stateful `Driver` in memory that keeps the contract. Tests look at `calls` and `site`, and make things go wrong with
 * `interfere`.
 */
export class FakeDriver implements Driver {
  readonly site: string
  readonly at: FakeSite
  readonly calls: DriverCall[] = []
  /**
   * Runs at the start (`before`) and at the end (`after`) of each call; what it throws, the call rejects with. An error
   * thrown `after` is an act that happened and whose answer got lost. It may also be asynchronous, to hold a call back.
   */
  interfere: (call: DriverCall, moment: 'before' | 'after') => void | Promise<void> = () => undefined
  readonly #cluster: string
  readonly #clock: Pick<Clock, 'now'>

  constructor(options: { site: string; cluster: string; clock: Pick<Clock, 'now'>; at?: FakeSite }) {
    this.site = options.site
    this.at = options.at ?? new FakeSite()
    this.#cluster = options.cluster
    this.#clock = options.clock
  }

  list(): Promise<Listing> {
    return this.#call({ call: 'list' }, () => ({ machines: this.#machines(), unread: [] }))
  }

  create(spec: MachineSpec): Promise<Machine> {
    return this.#call({ call: 'create', id: spec.id }, () => {
      const known = this.at.machines.get(spec.id)
      if (known?.running) return asMachine(known)
      if (spec.avoidHosts.includes(this.site)) {
        throw new CausewayError('InsufficientCapacity', `${this.site}: its only host takes no machines now`)
      }
      if (!this.at.images.has(spec.image)) throw new CausewayError('ImageMissing', `${this.site}: no ${spec.image}`)
      if (!known && this.at.machines.size >= this.at.capacity) {
        throw new CausewayError('InsufficientCapacity', `${this.site}: no room for ${spec.name}`)
      }
      const machine = {
        spec,
        createdAtMs: this.#clock.now(),
        running: true,
        printed: `hello from ${spec.name}\n`,
      }
      this.at.machines.set(spec.id, machine)
      return asMachine(machine)
    })
  }

  delete(id: string): Promise<void> {
    return this.#call({ call: 'delete', id }, () => void this.at.machines.delete(id))
  }

  console(id: string): Promise<string> {
    return this.#call({ call: 'console', id }, () => this.at.machines.get(id)?.printed ?? '')
  }

  capacity(): Promise<Capacity> {
    return this.#call({ call: 'capacity' }, () => {
      const unknown = { cpus: null, memoryMiB: null, freeMemoryMiB: null }
      const machinesLeft = this.at.capacity === Infinity ? null : this.at.capacity - this.at.machines.size
      const hosts = [{ host: this.site, closed: null, ...unknown, machines: this.#machines().length }]
      return { hosts, offers: [], machinesLeft }
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #machines(): Machine[] {
    return [...this.at.machines.values()].filter(({ spec }) => spec.cluster === this.#cluster).map(asMachine)
  }

  /** How often `create` or `delete` was called for an id. */
  count(call: 'create' | 'delete', id: string): number {
    return this.calls.filter((made) => made.call === call && made.id === id).length
  }

  async #call<T>(call: DriverCall, act: () => T): Promise<T> {
    this.calls.push(call)
    await this.interfere(call, 'before')
    const result = act()
    await this.interfere(call, 'after')
    return result
  }
}

function asMachine({ spec, createdAtMs, running }: FakeMachine): Machine {
  const { id, name, cluster } = spec
  const state = running ? 'running' : 'stopped'
  return { id, name, cluster, state, createdAtMs, host: null, address: null, leaving: null }
}
