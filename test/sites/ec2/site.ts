import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../../src/base/clock.ts'
import { systemClock } from '../../../src/base/clock.ts'
import type { Ec2Settings } from '../../../src/config/drivers/ec2.ts'
import type { MachineSpec } from '../../../src/sites/driver.ts'
import { Ec2Driver } from '../../../src/sites/ec2/driver.ts'
import { FakeCloud } from '../../fakes/ec2/cloud.ts'
import { FakeEc2 } from '../../fakes/ec2/server.ts'
import { machineSpec } from '../../support/machine-spec.ts'

/** A fake EC2 and drivers for it. */
export class Ec2Site {
  readonly cloud: FakeCloud
  readonly api: FakeEc2
  readonly settings: Ec2Settings
  readonly #clock: Clock
  readonly #folder: string
  readonly #drivers: Ec2Driver[] = []

  private constructor(api: FakeEc2, clock: Clock, folder: string) {
    this.api = api
    this.cloud = api.cloud
    this.#clock = clock
    this.#folder = folder
    this.settings = {
      region: 'eu-test-1',
      image: 'ami-00000001',
      zones: { 'eu-test-1a': 'subnet-0000000a', 'eu-test-1b': 'subnet-0000000b' },
      securityGroups: ['sg-00000001'],
      credentials: { file: join(folder, 'credentials'), profile: 'default' },
      endpoint: api.endpoint,
      publicAddress: false,
      sourceDestCheck: false,
      rootDisk: { type: 'gp3', encrypted: true },
      prices: { 'c7i.large': 0.0892, 'c6i.large': 0.085 },
      pace: { inFlight: 64, perSecond: 2, burst: 5 },
      types: { standard: { instanceTypes: ['c7i.large', 'c6i.large'], market: 'on-demand' } },
    }
  }

  static async start(clock: Clock = systemClock): Promise<Ec2Site> {
    const folder = await mkdtemp(join(tmpdir(), 'causeway-ec2-'))
    await writeFile(
      join(folder, 'credentials'),
      '[default]\naws_access_key_id = AKIATEST\naws_secret_access_key = secret\n',
      { mode: 0o600 },
    )
    const api = await FakeEc2.start(new FakeCloud(() => clock.now()))
    return new Ec2Site(api, clock, folder)
  }

  /** A driver for cluster `lab`, unless said otherwise; closed with the site. */
  driver(over: Partial<ConstructorParameters<typeof Ec2Driver>[0]> = {}): Ec2Driver {
    const made = new Ec2Driver({ site: 'cloud', cluster: 'lab', settings: this.settings, clock: this.#clock, ...over })
    this.#drivers.push(made)
    return made
  }

  async close(): Promise<void> {
    for (const driver of this.#drivers) await driver.close()
    await this.api.close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** A machine that the site can make. */
export function ec2Spec(id: string, over: Partial<MachineSpec> = {}): MachineSpec {
  return machineSpec(id, { image: 'ami-00000001', cpus: 2, memoryMiB: 3500, ...over })
}

/** A clock on which time passes only while somebody sleeps. */
export class SleeperClock implements Clock {
  #now = Date.now()

  now(): number {
    return this.#now
  }

  sleep(ms: number): Promise<void> {
    this.#now += ms
    return Promise.resolve()
  }
}
