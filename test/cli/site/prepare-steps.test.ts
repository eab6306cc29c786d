import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Host } from '../../../src/base/host.ts'
import { machinesStep } from '../../../src/cli/site/prepare-steps.ts'
import type { Capacity } from '../../../src/sites/driver.ts'
import { FakeDriver, FakeSite } from '../../fakes/driver.ts'
import { someConfig } from '../../support/controller-config.ts'

const clock = { now: () => 0, sleep: () => Promise.resolve() }

/** A pool one host of which takes no machines. */
class HalfClosed extends FakeDriver {
  override async capacity(): Promise<Capacity> {
    const { hosts, ...rest } = await super.capacity()
    return { ...rest, hosts: hosts.map((one) => (one.host === 'h2' ? { ...one, closed: 'it has no KVM' } : one)) }
  }
}

it('a new host that takes no machines is refused; one that is there already keeps nobody from joining it', async () => {
  const at = new FakeSite(['h1', 'h2'])
  const driver = new HalfClosed({ site: 'east', cluster: 'lab', clock, at })
  const host = (): Host => assert.fail('no host is asked')
  const to = { config: someConfig(), site: 'east', host, driver, warnings: () => ['slow'], testMs: null, clock }
  await assert.rejects(machinesStep(to, ['h1', 'h2']).run(), {
    code: 'CommandFailed',
    message: 'east: h2 takes no machines: it has no KVM',
  })
  assert.match(await machinesStep(to, ['h1']).run(), /h2 takes no machines now: it has no KVM; slow$/)
  at.dark.add('h1')
  await assert.rejects(machinesStep(to, ['h1']).run(), { message: /host h1 can't be read/ })
})
