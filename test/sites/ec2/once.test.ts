import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Refusal } from '../../fakes/ec2/refusal.ts'
import { Ec2Site, ec2Spec, SleeperClock } from './site.ts'

let site: Ec2Site
let clock: SleeperClock
beforeEach(async () => {
  clock = new SleeperClock()
  site = await Ec2Site.start(clock)
})
afterEach(() => site.close())

/** A driver that returns as soon as EC2 said yes: setting the check of addresses would wait until EC2 shows the machine. */
function driverOf() {
  return site.driver({ settings: { ...site.settings, sourceDestCheck: true } })
}

/** The instances that an id ever had. */
function instancesOf(id: string): string[] {
  return [...site.cloud.instances.values()]
    .filter(({ tags }) => tags.get('causeway:id') === id)
    .map((i) => i.instanceId)
}

/** Something happens to the first calls of RunInstances. */
function first(count: number, fault: 'cut before' | 'cut after' | { readonly actsInMs: number }): void {
  let left = count
  site.api.interfere = ({ action }) => (action === 'RunInstances' && left-- > 0 ? fault : null)
}

test('an answer that was lost is asked for again with the same token, and the machine is made once', async () => {
  for (const [k, fault] of (['cut before', 'cut after'] as const).entries()) {
    first(2, fault)
    const machine = await driverOf().create(ec2Spec(`x${k}`))
    assert.equal(machine.state, 'running')
    assert.equal(instancesOf(`x${k}`).length, 1)
  }
})

test('after a request without an answer no other purchase is tried before EC2 must show its machine', async () => {
  site.cloud.lagMs = () => 15_000
  const driver = driverOf()
  first(3, 'cut after')
  const elsewhere = { avoidHosts: ['eu-test-1a'] }
  await assert.rejects(driver.create(ec2Spec('x', elsewhere)), { code: 'HostUnreachable', retryable: true })
  // The other zone would be the first choice now: only patience keeps a second machine from being made there.
  assert.equal((await driver.create(ec2Spec('x'))).host, 'eu-test-1b')
  assert.equal(instancesOf('x').length, 1)
})

test('a controller that was started again finds a machine that EC2 does not show yet', async () => {
  site.cloud.lagMs = () => 15_000
  site.cloud.soldOut.add('c6i.large/eu-test-1a/on-demand')
  await driverOf().create(ec2Spec('x'))
  site.cloud.soldOut.clear()
  assert.equal((await driverOf().create(ec2Spec('x'))).host, 'eu-test-1b')
  assert.equal(instancesOf('x').length, 1)
})

test('a controller that was started again waits for EC2 only where somebody may have asked before', async () => {
  const beganMs = clock.now()
  await driverOf().create({ ...ec2Spec('x'), first: true })
  assert.ok(clock.now() < beganMs + 20_000)
  await driverOf().create(ec2Spec('y'))
  assert.ok(clock.now() >= beganMs + 20_000)
})

test('a request that is refused after one without an answer leaves it open whether there is a machine', async () => {
  let calls = 0
  site.api.interfere = ({ action }) => {
    if (action !== 'RunInstances') return null
    calls += 1
    return calls === 1 ? { actsInMs: 8000 } : new Refusal('InsufficientInstanceCapacity')
  }
  const driver = driverOf()
  await assert.rejects(driver.create(ec2Spec('x')), { code: 'HostUnreachable' })
  assert.equal(calls, 2)
  site.api.interfere = () => null
  await driver.create(ec2Spec('x'))
  assert.equal(instancesOf('x').length, 1)
})

test('a list has what was just made and not what was just deleted, whatever EC2 shows', async () => {
  site.cloud.lagMs = () => 15_000
  const driver = driverOf()
  const machine = await driver.create(ec2Spec('x'))
  assert.deepEqual((await driver.list()).machines, [machine])
  site.cloud.lagMs = () => 0
  await driver.delete('x')
  site.cloud.lagMs = () => 5000
  assert.deepEqual((await driver.list()).machines, [])
})

test('delete finds machines that EC2 does not show yet, of an answer that came and of one that did not', async () => {
  site.cloud.lagMs = () => 15_000
  const driver = driverOf()
  await driver.create(ec2Spec('x'))
  await driver.delete('x')
  first(3, 'cut after')
  await assert.rejects(driver.create(ec2Spec('y')), { code: 'HostUnreachable' })
  await driver.delete('y')
  first(1, { actsInMs: 4000 })
  await driver.create(ec2Spec('z'))
  await driverOf().delete('z')
  assert.deepEqual(site.cloud.remains(), [])
  assert.deepEqual(
    ['x', 'y', 'z'].map((id) => instancesOf(id).length),
    [1, 1, 1],
  )
})

test('a token that stands for a machine of long ago is passed over, whether the parameters are the same or not', async () => {
  await driverOf().create(ec2Spec('x'))
  await driverOf().delete('x')
  // EC2 shows what has ended for an hour, and keeps its token for a day.
  await clock.sleep(7_200_000)
  const second = await driverOf().create(ec2Spec('x'))
  assert.equal(second.createdAtMs >= clock.now() - 60_000, true)
  await driverOf().delete('x')
  const other = { ...ec2Spec('x'), seed: [{ path: 'boot', mode: 0o755, content: 'another' }] }
  await driverOf().create(other)
  assert.equal(instancesOf('x').length, 3)
  assert.equal(site.cloud.alive().length, 1)
})

test('of two machines of an id that run, all tell of the older, and create ends the other', async () => {
  const driver = driverOf()
  const machine = await driver.create(ec2Spec('x'))
  await clock.sleep(1000)
  const original = site.cloud.ofId('x')
  const twin = { ...original, instanceId: 'i-2', launchedAtMs: clock.now(), history: [...original.history] }
  site.cloud.instances.set('i-2', twin)
  assert.deepEqual((await driver.list()).machines, [machine])
  assert.deepEqual(await driver.create(ec2Spec('x')), machine)
  assert.deepEqual(
    site.cloud.alive().map(({ instanceId }) => instanceId),
    [original.instanceId],
  )
  site.cloud.instances.set('i-3', { ...twin, instanceId: 'i-3', history: [...original.history] })
  await driver.delete('x')
  assert.deepEqual(site.cloud.remains(), [])
})

test('an instance that does not end in time is told, and what is left of others is removed', async () => {
  const driver = driverOf()
  await driver.create(ec2Spec('x'))
  site.cloud.endsInMs = 10_000_000
  await assert.rejects(driver.delete('x'), { code: 'CommandTimeout', retryable: true })
  await assert.rejects(driver.create(ec2Spec('x')), { code: 'CommandTimeout' })
  await clock.sleep(10_000_000)
  const left = (id: string, kind: 'volume' | 'network-interface', of: string) =>
    site.cloud.leftovers.set(id, { id, kind, tags: new Map([['causeway:id', of]]) })
  left('vol-1', 'volume', 'x')
  left('eni-1', 'network-interface', 'x')
  left('vol-2', 'volume', 'y')
  await driver.delete('x')
  assert.deepEqual(site.cloud.remains(), ['vol-2'])
})
