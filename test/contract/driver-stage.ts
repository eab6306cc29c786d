import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import type { Driver, Leaving, Machine, MachineSpec } from '../../src/sites/driver.ts'

/** How an API turns calls away that it does not want. */
export type Refusal = 'RateLimited' | 'Unauthorized'

/** What can be made to happen in a trial, told beforehand: what can't has no tests. */
export interface TrialSite {
  /** How many hosts (or zones) `capacity` tells. */
  readonly hosts: number
  /** What can be made unreadable: each host by itself, only the whole site (an API that is away), or nothing. */
  readonly darkens: 'each' | 'whole' | 'nothing'
  /** Whether `fill` works. */
  readonly fills: boolean
  /** Whether `announce` works. */
  readonly announces: boolean
  /** What `refuse` takes. */
  readonly refuses: readonly Refusal[]
}

/** A kind of site to put a driver on trial at. */
export interface DriverTrial {
  /** A driver for cluster `lab` at a site that has nothing yet. */
  readonly driver: Driver
  /** A driver for the same site and cluster, as a restarted controller would make it; the suite closes it. */
  restarted(): Driver
  /** A driver for another cluster at the same site. */
  readonly other: Driver
  /** A spec that the site can carry out, for cluster `lab` or `other`; its boot prints `hello from NAME`. */
  spec(id: string, cluster?: string): MachineSpec
  /** Makes a machine's power fail. */
  cutPower(id: string): Promise<void>
  /** The machine prints a text at its console; or the text is put where the site keeps what it printed. */
  print(id: string, text: string): Promise<void>
  /** Everything at the site that belongs to machines (ports, folders, processes), as text, `[]` when there is none. */
  remains(): Promise<readonly string[]>
  /** From now on exactly these hosts can't be read (where the site `darkens` as a whole: all or none of them). */
  readonly darken?: (hosts: readonly string[]) => Promise<void>
  /** From now on the site has no room, or no quota, for another machine; or it has again. */
  readonly fill?: (full: boolean) => Promise<void>
  /** The site announces that it will take a machine away. */
  readonly announce?: (id: string, leaving: Leaving) => Promise<void>
  /** From now on the site turns every call away (`RateLimited`: with a time to wait); null: no longer. */
  readonly refuse?: (how: Refusal | null) => Promise<void>
  close(): Promise<void>
}

/** A trial under way, and what all tests do in it. */
export class DriverStage {
  #trial: DriverTrial | null = null

  /** To be called in a `describe`: begins the trial before its tests, and closes it after them. */
  constructor(begin: () => Promise<DriverTrial>) {
    before(async () => {
      this.#trial = await begin()
    })
    after(() => this.#trial?.close())
  }

  get trial(): DriverTrial {
    assert.ok(this.#trial)
    return this.#trial
  }

  /** Runs a test and deletes the machines it names, so that each starts at an empty site. */
  on(ids: readonly string[], work: (driver: Driver) => Promise<void>): () => Promise<void> {
    return async () => {
      const { driver } = this.trial
      try {
        await work(driver)
      } finally {
        for (const id of ids) await driver.delete(id)
      }
      assert.deepEqual(await this.trial.remains(), [])
    }
  }

  /** Makes some hosts unreadable for a while. */
  async dark(hosts: readonly string[], during: () => Promise<void>): Promise<void> {
    assert.ok(this.trial.darken, 'the trial says that its site darkens, and has no `darken`')
    await this.trial.darken(hosts)
    try {
      await during()
    } finally {
      await this.trial.darken([])
    }
  }

  /** Does something with a driver as a restarted controller would have it. */
  async restarted<T>(act: (driver: Driver) => Promise<T>): Promise<T> {
    const driver = this.trial.restarted()
    try {
      return await act(driver)
    } finally {
      await driver.close()
    }
  }

  /** The hosts of the site. */
  async hosts(): Promise<string[]> {
    return (await this.trial.driver.capacity()).hosts.map(({ host }) => host)
  }
}

/** The machines of a driver's cluster with their states. */
export async function states(driver: Driver): Promise<Record<string, string>> {
  return Object.fromEntries((await driver.list()).machines.map((machine) => [machine.id, machine.state]))
}

/** What of a machine stays the same while nothing happens to it: an API may tell the address only later. */
export function lasting({ address: _address, ...rest }: Machine): Omit<Machine, 'address'> {
  return rest
}

/** The lasting of all machines of a driver's cluster. */
export async function lastingOf(driver: Driver): Promise<Omit<Machine, 'address'>[]> {
  return (await driver.list()).machines.map(lasting)
}
