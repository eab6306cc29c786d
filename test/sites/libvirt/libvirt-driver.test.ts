import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '../../../src/base/clock.ts'
import { CausewayError } from '../../../src/base/errors.ts'
import type { MachineSpec } from '../../../src/sites/driver.ts'
import type { ImageSource } from '../../../src/sites/images/image-source.ts'
import { LibvirtDriver } from '../../../src/sites/libvirt/libvirt-driver.ts'
import { machineSpec } from '../../support/machine-spec.ts'
import { libvirtConfig } from './config.ts'
import { FakeHypervisor } from './fake-hypervisor.ts'

/** A clock whose time passes only while someone sleeps. */
class SleepClock implements Clock {
  ms = 0
  now(): number {
    return this.ms
  }
  async sleep(ms: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.ms += ms
  }
}

const image = '/images/base.qcow2'
const spec = (id: string, over: Partial<MachineSpec> = {}) => machineSpec(id, { image, ...over })

function rig(names: readonly string[] = ['h1', 'h2'], settings: object = {}, imageSource?: ImageSource) {
  const fakes = names.map((name) => new FakeHypervisor(name))
  const warnings: string[] = []
  const clock = new SleepClock()
  const config = libvirtConfig({
    cpuOvercommit: 16,
    hosts: Object.fromEntries(names.map((name) => [name, {}])),
    ...settings,
  })
  const make = () =>
    new LibvirtDriver({
      site: 'east',
      cluster: 'lab',
      config,
      hosts: new Map(fakes.map((host) => [host.name, host])),
      clock,
      log: { warn: (_facts: object, text?: string) => void warnings.push(text ?? '') },
      ...(imageSource ? { imageSource } : {}),
    })
  const [h1, h2] = fakes
  assert.ok(h1)
  return { driver: make(), restarted: make, h1, h2: h2 ?? h1, warnings, clock }
}

/** An image source that knows one image, and brings it by putting it among the host's files. */
function source(hosts: () => readonly FakeHypervisor[], path: string): ImageSource & { readonly brought: string[] } {
  const brought: string[] = []
  return {
    brought,
    pathOf: (name) => Promise.resolve(name.startsWith('/') ? name : path),
    bring: (host) => {
      brought.push(host.name)
      for (const fake of hosts()) if (fake.name === host.name) fake.files = [...fake.files, path]
      return Promise.resolve(path)
    },
  }
}

const ids = Array.from({ length: 20 }, (_, k) => `n-${k}`)

describe('LibvirtDriver: exchanges', () => {
  it('makes twenty machines at one host in one exchange, and deletes them in one', async () => {
    const { driver, h1 } = rig(['h1'])
    const machines = await Promise.all(ids.map((id) => driver.create(spec(id, { memoryMiB: 64 }))))
    assert.deepEqual(
      machines.map(({ id }) => id),
      ids,
    )
    assert.deepEqual(h1.calls, ['inventory', `create ${ids.join(' ')}`])
    await Promise.all(ids.map((id) => driver.delete(id)))
    assert.equal(h1.count('delete'), 1)
    assert.equal(h1.machines.size, 0)
  })

  it('spreads a batch over the pool, one exchange for each host', async () => {
    const { driver, h1, h2 } = rig()
    await Promise.all(ids.map((id) => driver.create(spec(id, { memoryMiB: 64 }))))
    assert.deepEqual([h1.machines.size, h2.machines.size], [10, 10])
    assert.deepEqual([h1.count('create'), h2.count('create')], [1, 1])
  })

  it('counts machines that are on their way when it places others', async () => {
    const { driver, h1, h2 } = rig(['h1', 'h2'], { reserve: { memory: '10GiB' } })
    const made = ids.slice(0, 4).map((id) => driver.create(spec(id, { memoryMiB: 1400 })))
    const outcomes = await Promise.allSettled(made)
    assert.deepEqual([h1.machines.size, h2.machines.size], [1, 1])
    for (const { status, reason } of outcomes.slice(2) as { status: string; reason: CausewayError }[]) {
      assert.equal(status, 'rejected')
      assert.equal(reason.code, 'InsufficientCapacity')
      assert.match(reason.message, /h1: \d+ MiB are free, \d+ are wanted; h2: /)
    }
  })

  it('refuses one bad spec without keeping the others', async () => {
    const { driver, h1 } = rig(['h1'])
    const good = spec('a-1')
    const bad = { ...spec('a-2'), nic: { ...good.nic, port: 'longer-than-15-chars' } }
    const [first, second] = await Promise.allSettled([driver.create(good), driver.create(bad)])
    assert.equal(first.status, 'fulfilled')
    assert.ok(second.status === 'rejected' && (second.reason as CausewayError).code === 'InvalidRequest')
    assert.deepEqual([...h1.machines.keys()], ['a-1'])
  })
})

describe('LibvirtDriver: hosts that fail', () => {
  it('tries another host where one cannot make a machine, and leaves the others be', async () => {
    const { driver, h1, h2 } = rig()
    h1.outcome = (id) => (id === 'a-1' ? [69, 'there is no bridge cw77'] : 'usual')
    h2.outcome = h1.outcome
    h2.files = []
    const machine = driver.create(spec('a-2'))
    await assert.rejects(driver.create(spec('a-1')), {
      code: 'CommandFailed',
      message: /h1: machine a-1: there is no bridge/,
    })
    assert.equal((await machine).host, 'h1')
    h2.files = [image]
    h2.outcome = () => 'usual'
    assert.equal((await driver.create(spec('a-1'))).host, 'h2')
  })

  for (const [status, code] of [
    [66, 'ImageMissing'],
    [73, 'InsufficientCapacity'],
    [75, 'CommandTimeout'],
    [68, 'HostUnreachable'],
    [1, 'CommandFailed'],
  ] as const) {
    it(`tells ${code} when the script says ${status} of a machine everywhere`, async () => {
      const { driver, h1, h2 } = rig()
      h1.outcome = h2.outcome = () => [status, 'why']
      await assert.rejects(driver.create(spec('a-1')), { code, message: /machine a-1: why/ })
    })
  }

  it('takes a host whose libvirtd does not answer for dark, and goes on with the others', async () => {
    const { driver, h1 } = rig()
    await driver.list()
    h1.status = 68
    const { unread } = await driver.list()
    assert.deepEqual(
      unread.map(({ host, error }) => [host, error.code]),
      [['h1', 'HostUnreachable']],
    )
    assert.equal((await driver.create(spec('a-1'))).host, 'h2')
    const hosts = (await driver.capacity()).hosts
    assert.match(hosts[0]?.closed ?? '', /libvirtd does not answer/)
    assert.deepEqual([hosts[1]?.closed, hosts[1]?.machines], [null, 1])
  })

  it('takes a host that talks nonsense for unread, not for empty', async () => {
    const { driver, h1 } = rig()
    await driver.create(spec('a-1', { avoidHosts: ['h2'] }))
    h1.nonsense = 'now 1\n'
    const { machines, unread } = await driver.list()
    assert.deepEqual([machines, unread[0]?.error.code], [[], 'MalformedOutput'])
    await assert.rejects(driver.create(spec('a-1')), { code: 'HostUnreachable' })
  })

  it('makes new machines while a host is dark that was read before, and knows nothing of it after a restart', async () => {
    const { driver, restarted, h1, h2 } = rig()
    await driver.create(spec('a-1', { avoidHosts: ['h2'] }))
    await driver.list()
    h1.isDark = true
    assert.equal((await driver.create(spec('b-1'))).host, 'h2')
    await driver.delete('b-1')
    await assert.rejects(driver.create(spec('a-1')), {
      code: 'HostUnreachable',
      message: /h1 cannot be read and may have/,
    })
    await assert.rejects(restarted().create(spec('c-1')), { code: 'HostUnreachable' })
    await assert.rejects(restarted().delete('c-1'), { code: 'HostUnreachable' })
    assert.equal(h2.machines.size, 0)
  })

  it('makes and deletes, while a host is dark that it never read, what it was the first to be asked for', async () => {
    const { restarted, h1, h2 } = rig()
    h1.isDark = true
    const driver = restarted()
    assert.equal((await driver.create(spec('a-1', { first: true }))).host, 'h2')
    h2.machines.set('a-1', { state: 5, createdAtMs: 0 })
    assert.equal((await driver.create(spec('a-1'))).host, 'h2')
    await driver.delete('a-1')
    assert.equal(h2.machines.size, 0)
    // What another host may be making all the same is not made at this one.
    h1.isDark = false
    h2.isDark = true
    const other = restarted()
    h1.losesAnswers = true
    await assert.rejects(other.create(spec('b-1', { first: true })), { code: 'HostUnreachable' })
    h1.losesAnswers = false
    h1.isDark = true
    h2.isDark = false
    await assert.rejects(other.create(spec('b-1')), { code: 'HostUnreachable' })
    await assert.rejects(other.delete('b-1'), { code: 'HostUnreachable' })
    assert.equal(h2.machines.size, 0)
  })

  it('makes no second machine where the answer of the first was lost', async () => {
    const { driver, h1, h2 } = rig()
    h1.losesAnswers = true
    await assert.rejects(driver.create(spec('a-1', { avoidHosts: ['h2'] })), { code: 'HostUnreachable' })
    assert.equal((await driver.create(spec('a-1', { avoidHosts: ['h1'] }))).host, 'h1')
    assert.equal(h2.count('create'), 0)
  })

  it('has a host remove what it may still be making before another one makes it', async () => {
    const { driver, h1 } = rig()
    h1.outcome = () => 'silence'
    await assert.rejects(driver.create(spec('a-1', { avoidHosts: ['h2'] })), { code: 'MalformedOutput' })
    assert.equal((await driver.create(spec('a-1', { avoidHosts: ['h1'] }))).host, 'h2')
    assert.equal(h1.calls.at(-1), 'delete a-1 now')
    h1.isDark = true
    assert.equal((await driver.create(spec('b-1'))).host, 'h2')
  })

  it('gives up on a machine that a host says runs, and never shows', async () => {
    const { driver, h1 } = rig()
    const run = h1.exec.bind(h1)
    h1.exec = async (argv, options) =>
      argv[3] === 'create' ? { code: 0, stdout: 'runs a-1\n', stderr: '' } : await run(argv, options)
    await assert.rejects(driver.create(spec('a-1', { avoidHosts: ['h2'] })), { code: 'MalformedOutput' })
  })

  it('tells a wrong host key as what it is', async () => {
    const { driver, h1 } = rig(['h1'])
    h1.exec = () => Promise.reject(new CausewayError('HostKeyMismatch', 'h1: its key is another'))
    for (const act of [driver.list(), driver.create(spec('a-1')), driver.delete('a-1'), driver.console('a-1')]) {
      await assert.rejects(act, { code: 'HostKeyMismatch', retryable: false })
    }
  })
})

describe('LibvirtDriver: choices', () => {
  it('gives no machines to a host in maintenance, and says so', async () => {
    const { driver, h2 } = rig(['h1', 'h2'], { hosts: { h1: { maintenance: true }, h2: {} } })
    assert.equal((await driver.create(spec('a-1'))).host, 'h2')
    assert.deepEqual(
      (await driver.capacity()).hosts.map(({ closed }) => closed),
      ['it is in maintenance', null],
    )
    h2.isDark = true
    await assert.rejects(driver.create(spec('b-1')), {
      code: 'InsufficientCapacity',
      message: /h1: it is in maintenance; h2: it cannot be read/,
    })
  })

  it('brings an image to the host that it has chosen, and asks for it no more where it is', async () => {
    const path = '/var/lib/causeway/images/sha256-1.qcow2'
    const hosts: FakeHypervisor[] = []
    const images = source(() => hosts, path)
    const { driver, h1, h2 } = rig(['h1', 'h2'], {}, images)
    hosts.push(h1, h2)
    const first = await driver.create(spec('a-1', { image: 'debian' }))
    assert.deepEqual(images.brought, [first.host])
    assert.equal((await driver.create(spec('a-2', { image: 'debian' }))).host, first.host)
    assert.equal(images.brought.length, 1)
    const request = [h1, h2].find(({ name }) => name === first.host)?.requests.get('a-1')
    assert.match(request ?? '', /^image \/var\/lib\/causeway\/images\/sha256-1\.qcow2$/m)
  })

  it('does not hold up machines whose image is there for one that must be brought', async () => {
    let arrive: (path: string) => void = () => undefined
    const slow: ImageSource = {
      pathOf: (name) => Promise.resolve(name.startsWith('/') ? name : '/images/new.qcow2'),
      bring: () =>
        new Promise((resolve) => {
          arrive = resolve
        }),
    }
    const { driver } = rig(['h1'], {}, slow)
    const waiting = driver.create(spec('a-1', { image: 'new' }))
    assert.equal((await driver.create(spec('a-2'))).id, 'a-2')
    arrive('/images/new.qcow2')
    assert.equal((await waiting).id, 'a-1')
  })

  it('emulates where KVM does not work, and warns of it once', async () => {
    const { driver, h1, h2, warnings } = rig(['h1', 'h2'], { accelerator: 'auto' })
    h1.kvm = 'there is no /dev/kvm'
    h2.kvm = 'works'
    const xmlOf = async (host: FakeHypervisor, id: string, avoid: string) => {
      await driver.create(spec(id, { avoidHosts: [avoid] }))
      return Buffer.from(/^xml (\S+)$/m.exec(host.requests.get(id) ?? '')?.[1] ?? '', 'base64').toString()
    }
    assert.match(await xmlOf(h1, 'a-1', 'h2'), /<domain type="qemu">[^]*<tb-cache unit="MiB">64</)
    assert.match(await xmlOf(h2, 'a-2', 'h1'), /<domain type="kvm">/)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', /h1: machines are emulated.*there is no \/dev\/kvm/)
    const strict = rig(['h1'], { accelerator: 'kvm' })
    strict.h1.kvm = 'there is no /dev/kvm'
    await assert.rejects(strict.driver.create(spec('a-1')), {
      code: 'InsufficientCapacity',
      message: /KVM does not work/,
    })
  })

  it('shows of two machines with one id the one that runs, warns once, and deletes both', async () => {
    const { driver, h1, h2, warnings } = rig()
    h1.machines.set('a-1', { state: 5, createdAtMs: 1 })
    h2.machines.set('a-1', { state: 1, createdAtMs: 2 })
    for (const _ of [1, 2]) assert.equal((await driver.list()).machines[0]?.host, 'h2')
    assert.equal((await driver.create(spec('a-1'))).host, 'h2')
    h1.machines.set('a-1', { state: 1, createdAtMs: 1 })
    assert.equal((await driver.list()).machines[0]?.host, 'h1')
    assert.equal(warnings.length, 1)
    await driver.delete('a-1')
    assert.deepEqual([h1.machines.size, h2.machines.size], [0, 0])
  })
})

describe('LibvirtDriver: soft shutdown', () => {
  it('asks first, and removes a machine that has shut down', async () => {
    const { driver, h1, clock } = rig(['h1'], { shutdown: '20s' })
    await driver.create(spec('a-1'))
    await driver.delete('a-1')
    assert.deepEqual(h1.calls.slice(2), ['delete a-1 soft', 'delete a-1 soft'])
    assert.equal(h1.machines.size, 0)
    assert.ok(clock.ms < 2000)
  })

  it('cuts the power of one that does not, once the deadline has passed, and only then', async () => {
    const { driver, h1, clock } = rig(['h1'], { shutdown: '20s' })
    h1.isDeaf = true
    await driver.create(spec('a-1'))
    const began = clock.ms
    await driver.delete('a-1')
    assert.equal(h1.machines.size, 0)
    assert.equal(h1.calls.at(-1), 'delete a-1 now')
    assert.equal(h1.calls.filter((call) => call.endsWith('now')).length, 1)
    assert.ok(clock.ms - began >= 20_000)
  })

  it('waits for several at the same time', async () => {
    const { driver, h1, clock } = rig(['h1'], { shutdown: '20s' })
    h1.isDeaf = true
    await Promise.all(ids.map((id) => driver.create(spec(id))))
    await Promise.all(ids.map((id) => driver.delete(id)))
    assert.equal(h1.machines.size, 0)
    assert.ok(h1.count('delete') < 60, `${h1.count('delete')} exchanges in ${clock.ms} ms`)
  })
})
