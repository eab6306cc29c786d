import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OpenStackSettings } from '../../../src/config/drivers/openstack.ts'
import { OpenStackDriver } from '../../../src/sites/openstack/openstack-driver.ts'
import { JumpingClock } from '../../fakes/openstack/clock.ts'
import { FakeCloud } from '../../fakes/openstack/cloud.ts'
import { machineSpec } from '../../support/machine-spec.ts'

/** A cloud with an image, and drivers for it. */
export class ScratchCloud {
  readonly cloud: FakeCloud
  readonly clock: JumpingClock
  readonly #folder: string
  readonly #pollMs: number
  readonly #drivers: OpenStackDriver[] = []

  private constructor(folder: string, base: () => number, pollMs: number) {
    this.#folder = folder
    this.#pollMs = pollMs
    this.clock = new JumpingClock(base)
    this.cloud = new FakeCloud(this.clock)
  }

  /**
   * @param base what its clock goes by; left out: a fixed time, so that only sleeping takes time
   * @param pollMs how long drivers sleep between two looks
   */
  static async create(base: () => number = () => Date.UTC(2026, 10, 23), pollMs = 1_000): Promise<ScratchCloud> {
    const scratch = new ScratchCloud(await mkdtemp(join(tmpdir(), 'causeway-cloud-')), base, pollMs)
    await scratch.cloud.listen()
    const { cloud } = scratch
    cloud.images.push({ id: '70a599e0-31e7-49b7-b260-868f441e862b', name: 'debian', status: 'active' })
    await scratch.writeCredentials({
      clouds: {
        here: {
          auth: {
            auth_url: `${cloud.url}/identity`,
            application_credential_id: cloud.credential.id,
            application_credential_secret: cloud.credential.secret,
          },
          region_name: 'one',
        },
      },
    })
    return scratch
  }

  get file(): string {
    return join(this.#folder, 'clouds.yaml')
  }

  async writeCredentials(value: unknown, mode = 0o600): Promise<void> {
    await rm(this.file, { force: true })
    await writeFile(this.file, typeof value === 'string' ? value : JSON.stringify(value), { mode })
  }

  settings(over: Partial<OpenStackSettings> = {}): OpenStackSettings {
    return {
      credentials: this.file,
      network: 'join',
      port: { network: this.cloud.network, security: true, securityGroups: [] },
      zones: [],
      image: 'debian',
      flavor: 'm1.small',
      types: {},
      ...over,
    }
  }

  /** A driver, which is closed with the cloud. */
  driver(over: Partial<OpenStackSettings> & { cluster?: string; site?: string } = {}): OpenStackDriver {
    const { cluster = 'lab', site = 'cloudy', ...settings } = over
    const patience = { pollMs: this.#pollMs }
    const driver = new OpenStackDriver({
      site,
      cluster,
      settings: this.settings(settings),
      clock: this.clock,
      patience,
    })
    this.#drivers.push(driver)
    return driver
  }

  spec(id: string, over: Parameters<typeof machineSpec>[1] = {}) {
    return machineSpec(id, { image: 'debian', ...over })
  }

  async close(): Promise<void> {
    await Promise.all(this.#drivers.map((driver) => driver.close()))
    await this.cloud.close()
    await rm(this.#folder, { recursive: true })
  }
}
