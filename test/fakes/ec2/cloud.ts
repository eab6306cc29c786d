/** An instance, with all states that it ever had. */
export interface FakeInstance {
  readonly instanceId: string
  readonly token: string
  readonly tags: ReadonlyMap<string, string>
  readonly instanceType: string
  readonly zone: string
  readonly market: 'spot' | 'on-demand'
  readonly imageId: string
  readonly userData: string
  readonly launchedAtMs: number
  readonly address: string
  readonly nic: string
  sourceDestCheck: boolean
  readonly history: { readonly atMs: number; readonly state: FakeState }[]
  printed: string
  /** A spot interruption or a scheduled event. */
  announced: { readonly atMs: number; readonly reason: string; readonly how: 'spot' | 'event' } | null
}

export type FakeState = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopped'

/** A disk or a network interface that nothing is attached to. */
export interface FakeLeftover {
  readonly id: string
  readonly kind: 'volume' | 'network-interface'
  readonly tags: ReadonlyMap<string, string>
}

/** A region with two zones and two instance types. What the cloud is like is public, for tests to change. */
export class FakeCloud {
  readonly subnets = new Map([
    ['subnet-0000000a', 'eu-test-1a'],
    ['subnet-0000000b', 'eu-test-1b'],
  ])
  readonly images = new Map([
    [
      'ami-00000001',
      {
        state: 'available',
        name: 'node-1',
        owner: '111122223333',
        root: '/dev/xvda',
        created: '2026-01-01T00:00:00.000Z',
        tags: new Map([['causeway:image', `sha256:${'1'.repeat(64)}`]]),
      },
    ],
  ])
  readonly kinds = new Map([
    ['c7i.large', { cpus: 2, memoryMiB: 4096, gpus: 0 }],
    ['c6i.large', { cpus: 2, memoryMiB: 4096, gpus: 0 }],
  ])
  /** TYPE/ZONE -> price per hour. */
  readonly spotPrices = new Map<string, number>()
  readonly instances = new Map<string, FakeInstance>()
  readonly leftovers = new Map<string, FakeLeftover>()
  /** ZONE/TOKEN -> the instance and the parameters it came with. */
  readonly tokens = new Map<string, { readonly instanceId: string; readonly parameters: string }>()
  /** TYPE/ZONE/MARKET that have no room. */
  readonly soldOut = new Set<string>()
  /** Living instances that the account may have. */
  quota = Infinity
  /** How old what a Describe call shows is, ms. */
  lagMs: () => number = () => 0
  /** How long an instance shuts down, ms. */
  endsInMs = 0
  /** Most that one page has. */
  pageSize = 1000
  readonly #now: () => number
  #count = 0

  constructor(now: () => number) {
    this.#now = now
  }

  now(): number {
    return this.#now()
  }

  /** A fresh number in hexadecimal digits, for ids. */
  nextId(prefix: string): string {
    this.#count += 1
    return `${prefix}-${this.#count.toString(16).padStart(17, '0')}`
  }

  /** The state of an instance as it was some time ago; null before it was made. */
  stateOf({ history }: FakeInstance, agoMs = 0): FakeState | null {
    const atMs = this.#now() - agoMs
    return history.findLast((entry) => entry.atMs <= atMs)?.state ?? null
  }

  /** The state that calls see, as old as they happen to see it; null: they do not know the instance yet, or any more. */
  seen(instance: FakeInstance, lagMs: number): FakeState | null {
    const ended = instance.history.find(({ state }) => state === 'terminated')
    const forgotten = ended !== undefined && this.#now() - ended.atMs > 3_600_000
    return forgotten ? null : this.stateOf(instance, lagMs)
  }

  /** The instances that cost money. */
  alive(): FakeInstance[] {
    return [...this.instances.values()].filter((instance) => {
      const state = this.stateOf(instance)
      return state !== 'terminated' && state !== 'shutting-down'
    })
  }

  /** The living instance with an id of ours. */
  ofId(id: string): FakeInstance {
    const found = this.alive().find(({ tags }) => tags.get('causeway:id') === id)
    if (!found) throw new Error(`no living instance has id ${id}`)
    return found
  }

  terminate(instance: FakeInstance): void {
    const state = this.stateOf(instance)
    if (state === 'terminated' || state === 'shutting-down') return
    instance.history.push({ atMs: this.#now(), state: 'shutting-down' })
    instance.history.push({ atMs: this.#now() + this.endsInMs, state: 'terminated' })
  }

  stop(id: string): void {
    this.ofId(id).history.push({ atMs: this.#now(), state: 'stopped' })
  }

  /** Everything that is there for an id of ours, or for any. */
  remains(): string[] {
    const ending = [...this.instances.values()].filter((instance) => this.stateOf(instance) !== 'terminated')
    return [...ending.map(({ instanceId }) => instanceId), ...this.leftovers.keys()]
  }
}
