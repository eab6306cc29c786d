import type { Clock } from '../../src/base/clock.ts'
import { CausewayError } from '../../src/base/errors.ts'
import type { Capacity, Driver, Leaving, Listing, Machine, MachineSpec, Offer } from '../../src/sites/driver.ts'

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
  /** Where it is; left out: at the site's only host. */
  readonly host?: string
  leaving?: Leaving
}

/** A site that exists in memory only; several fake drivers may share one. */
export class FakeSite {
  readonly machines = new Map<string, FakeMachine>()
  /** The hosts of the pool; `[]`: there is one only, which has the site's name. */
  readonly hosts: readonly string[]
  /** Images that the site has. */
  readonly images = new Set<string>(['/images/base'])
  /** What it sells. */
  offers: readonly Offer[] = []
  /** Machines that fit; a create beyond fails with `InsufficientCapacity`. */
  capacity = Infinity
  /** Machines that may be; a create beyond fails with `QuotaExceeded`. */
  quota = Infinity
  /** Hosts that can't be read (the site's name, where it has only one). */
  readonly dark = new Set<string>()
  /** Ids that have had a second machine beside one at a host that could not be read, since their spec said that there is none. */
  readonly twins = new Set<string>()
  /** What every call is turned away with. */
  refusal: CausewayError | null = null

  constructor(hosts: readonly string[] = []) {
    this.hosts = hosts
  }

  /** A machine's power fails. */
  cutPower(id: string): void {
    const machine = this.machines.get(id)
    if (machine) machine.running = false
  }

  /** A machine vanishes, with no call of ours. */
  vanish(id: string): void {
    this.machines.delete(id)
  }

  /** A machine prints at its console. */
  print(id: string, text: string): void {
    const machine = this.machines.get(id)
    if (machine) machine.printed += text
  }

  /** The site says that it will take a machine away. */
  announce(id: string, leaving: Leaving): void {
    const machine = this.machines.get(id)
    if (machine) machine.leaving = leaving
  }
}

/**
 * A stateful `Driver` in memory that keeps the contract. Tests look at `calls` and `at`, and make things go wrong there or
 * with `interfere`.
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
    return this.#call({ call: 'list' }, () => {
      const dark = this.#hosts.filter((host) => this.at.dark.has(host))
      if (dark.length === this.#hosts.length) throw this.#unreachable(this.site)
      const unread = dark.map((host) => ({ host, error: this.#unreachable(host) }))
      return { machines: this.#machines(), unread }
    })
  }

  create(spec: MachineSpec): Promise<Machine> {
    return this.#call({ call: 'create', id: spec.id }, () => {
      const known = this.#seen(spec)
      if (known?.running) return asMachine(known)
      const open = this.#hosts.filter((host) => !spec.avoidHosts.includes(host) && !this.at.dark.has(host))
      const host = open.toSorted((a, b) => this.#count(a) - this.#count(b))[0]
      if (host === undefined)
        throw new CausewayError('InsufficientCapacity', `${this.site}: no host takes machines now`)
      if (!this.at.images.has(spec.image)) throw new CausewayError('ImageMissing', `${this.site}: no ${spec.image}`)
      if (!known) this.#checkRoom(spec)
      const place = this.at.hosts.length > 0 ? { host } : {}
      const printed = `hello from ${spec.name}\n`
      const machine = { spec, createdAtMs: this.#clock.now(), running: true, printed, ...place }
      if (!known && this.at.machines.has(spec.id)) this.at.twins.add(spec.id)
      this.at.machines.set(spec.id, machine)
      return asMachine(machine)
    })
  }

  delete(id: string): Promise<void> {
    return this.#call({ call: 'delete', id }, () => {
      if (this.#find(id)) this.at.machines.delete(id)
    })
  }

  console(id: string): Promise<string> {
    return this.#call({ call: 'console', id }, () => this.#find(id)?.printed.slice(-65_536) ?? '')
  }

  capacity(): Promise<Capacity> {
    return this.#call({ call: 'capacity' }, () => {
      const unknown = { cpus: null, memoryMiB: null, freeMemoryMiB: null }
      const most = Math.min(this.at.capacity, this.at.quota)
      const hosts = this.#hosts.map((host) => {
        const isDark = this.at.dark.has(host)
        return {
          host,
          closed: isDark ? 'it does not answer' : null,
          ...unknown,
          machines: isDark ? 0 : this.#count(host),
        }
      })
      return { hosts, offers: this.at.offers, machinesLeft: most === Infinity ? null : most - this.at.machines.size }
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** How often `create` or `delete` was called for an id. */
  count(call: 'create' | 'delete', id: string): number {
    return this.calls.filter((made) => made.call === call && made.id === id).length
  }

  get #hosts(): readonly string[] {
    return this.at.hosts.length > 0 ? this.at.hosts : [this.site]
  }

  /** The machines of the cluster that can be seen. */
  #machines(): Machine[] {
    return [...this.at.machines.values()]
      .filter(({ spec, host = this.site }) => spec.cluster === this.#cluster && !this.at.dark.has(host))
      .map(asMachine)
  }

  #count(host: string): number {
    return this.#machines().filter((machine) => (machine.host ?? this.site) === host).length
  }

  /** A machine, if there is one; where it may be at a host that can't be read, nothing is concluded. */
  #find(id: string): FakeMachine | undefined {
    const machine = this.at.machines.get(id)
    const host = machine?.host ?? this.site
    const allDark = this.#hosts.every((one) => this.at.dark.has(one))
    if (allDark || (machine && this.at.dark.has(host))) throw this.#unreachable(host)
    return machine
  }

  /** The machine that there is already, if it can be seen; any host that can't be read may have one, unless this is the first. */
  #seen({ id, first }: MachineSpec): FakeMachine | undefined {
    const machine = this.at.machines.get(id)
    if (machine && !this.at.dark.has(machine.host ?? this.site)) return machine
    const dark = this.#hosts.filter((host) => this.at.dark.has(host))
    if (dark.length > 0 && !(first && dark.length < this.#hosts.length)) throw this.#unreachable(dark.join(', '))
    return undefined
  }

  #checkRoom({ name }: MachineSpec): void {
    const { machines, capacity, quota } = this.at
    if (machines.size >= quota) throw new CausewayError('QuotaExceeded', `${this.site}: no quota for ${name}`)
    if (machines.size >= capacity) throw new CausewayError('InsufficientCapacity', `${this.site}: no room for ${name}`)
  }

  #unreachable(host: string): CausewayError {
    return new CausewayError('HostUnreachable', `${host} does not answer`)
  }

  async #call<T>(call: DriverCall, act: () => T): Promise<T> {
    this.calls.push(call)
    await this.interfere(call, 'before')
    if (this.at.refusal) throw this.at.refusal
    const result = act()
    await this.interfere(call, 'after')
    return result
  }
}

function asMachine({ spec, createdAtMs, running, host, leaving }: FakeMachine): Machine {
  const { id, name, cluster } = spec
  const state = running ? 'running' : 'stopped'
  return { id, name, cluster, state, createdAtMs, host: host ?? null, address: null, leaving: leaving ?? null }
}
