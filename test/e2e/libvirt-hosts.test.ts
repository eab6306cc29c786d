import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { pino } from 'pino'
import { Value } from 'typebox/value'
import { type LibvirtHost, LibvirtSite } from '../../lab/libvirt.ts'
import { must } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'
import { execChecked } from '../../src/base/exec.ts'
import { LibvirtSchema } from '../../src/config/drivers/libvirt.ts'
import type { Machine, MachineSpec } from '../../src/sites/driver.ts'
import { LibvirtDriver } from '../../src/sites/libvirt/libvirt-driver.ts'
import { SshHost } from '../../src/sites/ssh-host.ts'
import { bootDisk } from '../support/boot-disk.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { labName } from './lab-name.ts'

const images = '/var/lib/causeway/images/test'
const machines = '/var/lib/causeway/machines'

/** Virtual machines that only print a word: most faults need none that boots. */
function spec(id: string, over: Partial<MachineSpec> = {}): MachineSpec {
  return machineSpec(id, { image: `${images}/disk.qcow2`, memoryMiB: 32, ...over })
}

describe('faults of real libvirt hosts', () => {
  let site: LibvirtSite
  let h1: LibvirtHost
  let h2: LibvirtHost
  let folder: string
  const open: SshHost[] = []
  const warnings: string[] = []

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cwc-images-'))
    writeFileSync(join(folder, 'raw'), bootDisk('hello\n'))
    await must(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', join(folder, 'raw'), join(folder, 'disk.qcow2')])
    writeFileSync(
      join(folder, 'garbage.qcow2'),
      Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), randomBytes(200_000)]),
    )
    writeFileSync(join(folder, 'page.qcow2'), '<html>503 Service Unavailable</html>\n')
    const binds = [{ source: folder, target: images, writable: false }]
    site = await LibvirtSite.up({ name: labName, hosts: ['h1', 'h2'], binds })
    h1 = site.host('h1')
    h2 = site.host('h2')
  })
  after(async () => {
    await site.down()
    assert.deepEqual(await site.leftovers(), [])
    rmSync(folder, { recursive: true })
  })

  /** A driver for these hosts over SSH, with a controller's memory of its own. */
  function driverOf(hosts: readonly LibvirtHost[], settings: object = {}): LibvirtDriver {
    const reached = hosts.map((host): [string, SshHost] => [host.name, new SshHost(host.ssh)])
    open.push(...reached.map(([, host]) => host))
    const config = Value.Decode(
      LibvirtSchema,
      Value.Default(LibvirtSchema, {
        kind: 'libvirt',
        image: `${images}/disk.qcow2`,
        accelerator: 'tcg',
        machine: 'pc',
        shutdown: '0s',
        cpuOvercommit: 16,
        reserve: { memory: '256MiB', disk: '1MiB' },
        hosts: Object.fromEntries(hosts.map(({ name }) => [name, { gateway: false, maintenance: false }])),
        ...settings,
      }),
    )
    const write = (line: string) => void warnings.push((JSON.parse(line) as { msg: string }).msg)
    const log = pino({ level: 'warn' }, { write })
    return new LibvirtDriver({ site: 'east', cluster: 'lab', config, hosts: new Map(reached), log })
  }

  const states = async (driver: LibvirtDriver) =>
    Object.fromEntries((await driver.list()).machines.map(({ id, state, host }) => [id, `${state} at ${host}`]))

  /** What is at a host of machines. */
  async function remains(host: LibvirtHost): Promise<string[]> {
    const run = async (...argv: string[]) => (await execChecked(host.machine, argv)).split('\n').filter(Boolean)
    return [
      ...(await run('virsh', 'list', '--all', '--name')),
      ...(await run('ip', '-o', 'link', 'show', 'type', 'tun')),
      ...(await run('ps', '-eo', 'args=')).filter((line) => /qemu-system|causeway-libvirt/.test(line)),
      ...(await run('find', machines, '-mindepth', '1', '!', '-name', '.locks')),
    ].map((line) => `${host.name}: ${line}`)
  }

  afterEach(async () => {
    const driver = driverOf([h1, h2])
    for (const { id } of (await driver.list()).machines) await driver.delete(id)
    for (const host of open.splice(0)) await host.close()
    assert.deepEqual(await remains(h1), [])
    assert.deepEqual(await remains(h2), [])
    warnings.length = 0
  })

  test('host power cut: its machines are unknown, then stopped, and never made at another host meanwhile', async () => {
    const driver = driverOf([h1, h2])
    const { createdAtMs } = await driver.create(spec('a-1', { avoidHosts: ['h2'] }))
    await driver.create(spec('a-2', { avoidHosts: ['h1'] }))
    await h1.powerOff()
    const { machines: seen, unread } = await driver.list()
    assert.deepEqual(
      seen.map(({ id }) => id),
      ['a-2'],
    )
    assert.deepEqual(
      unread.map(({ host, error }) => [host, error.code]),
      [['h1', 'HostUnreachable']],
    )
    await assert.rejects(driver.create(spec('a-1')), { code: 'HostUnreachable', retryable: true })
    await assert.rejects(driver.delete('a-1'), { code: 'HostUnreachable' })
    assert.equal((await driver.create(spec('a-3'))).host, 'h2')
    await h1.powerOn()
    assert.equal((await states(driver))['a-1'], 'stopped at h1')
    const again = await driver.create(spec('a-1'))
    assert.equal(again.state, 'running')
    assert.ok(again.createdAtMs > createdAtMs, 'made anew from its image')
  })

  test('libvirtd killed: the host can not be read, and its machines are the same ones when it is back', async () => {
    const driver = driverOf([h1])
    const made = await driver.create(spec('b-1'))
    const processes = () => execChecked(h1.machine, ['pgrep', '-f', 'qemu-system'])
    const before = await processes()
    await h1.libvirtd?.kill('SIGKILL')
    await assert.rejects(driver.list(), { code: 'HostUnreachable', retryable: true })
    await h1.restartLibvirtd()
    assert.deepEqual((await driver.list()).machines, [made])
    assert.deepEqual(await driver.create(spec('b-1')), made)
    assert.equal(await processes(), before)
  })

  test('SSH cut in the middle of an exchange: the act may have happened, and is not done twice', async () => {
    const driver = driverOf([h1])
    await driver.list() // the script is there, and the connection
    // Somebody else works on the machine, so the script waits for him.
    await execChecked(h1.machine, ['mkdir', '-p', `${machines}/.locks`])
    const other = await h1.machine.start(['flock', '--no-fork', `${machines}/.locks/c-1`, 'sleep', 'infinity'])
    const making = driver.create(spec('c-1'))
    const refused = assert.rejects(making, { code: 'HostUnreachable', retryable: true })
    const working = async (act: string) =>
      (await h1.machine.exec(['pgrep', '-f', `causeway-libvirt.* ${act}`])).code === 0
    await until('the script is at work', 120_000, () => working('create'))
    h1.door?.cut()
    await refused
    await other.kill('SIGKILL')
    await until('the script has come to its end', 120_000, async () => !(await working('create')))
    const { machines: found } = await driver.list()
    const again = await driver.create(spec('c-1'))
    assert.equal(again.state, 'running')
    for (const machine of found.filter(({ state }) => state === 'running')) assert.deepEqual(again, machine)
    assert.deepEqual(await states(driver), { 'c-1': 'running at h1' })
    assert.equal((await execChecked(h1.machine, ['pgrep', '-fc', 'qemu-system'])).trim(), '1')
  })

  test('disk full: another host gets the machine; where there is none, nothing is left behind', async () => {
    const mount = ['mount', '-t', 'tmpfs', '-o', 'size=200k,mode=711', 'tmpfs', machines]
    await execChecked(h1.machine, ['mkdir', '-p', machines])
    await execChecked(h1.machine, mount)
    try {
      const reserved = driverOf([h1])
      await assert.rejects(reserved.create(spec('d-1')), { code: 'InsufficientCapacity', retryable: true })
      // The space runs out only while the machine's files are written.
      const careless = { reserve: { memory: '256MiB', disk: '0MiB' } }
      await assert.rejects(driverOf([h1], careless).create(spec('d-1')), { code: 'InsufficientCapacity' })
      assert.deepEqual(await remains(h1), [])
      const { host } = await driverOf([h1, h2], { ...careless, placement: 'pack' }).create(spec('d-1'))
      assert.equal(host, 'h2')
    } finally {
      await execChecked(h1.machine, ['umount', machines])
    }
  })

  test('image corrupted: it is told as one that is missing, and nothing is left behind', async () => {
    const driver = driverOf([h1])
    for (const image of ['garbage', 'page']) {
      await assert.rejects(driver.create(spec('e-1', { image: `${images}/${image}.qcow2` })), {
        code: 'ImageMissing',
        retryable: false,
        message: new RegExp(`${image}\\.qcow2`),
      })
      assert.deepEqual(await remains(h1), [])
    }
  })

  test('duplicate ids: one machine is shown and told, and delete removes both', async () => {
    const driver = driverOf([h1, h2])
    await driver.create(spec('f-1', { avoidHosts: ['h2'] }))
    // Whoever copies a host, or brings back its disk, has this.
    cpSync(h1.machine.path(`${machines}/f-1`), h2.machine.path(`${machines}/f-1`), { recursive: true })
    await execChecked(h2.machine, ['virsh', 'define', `${machines}/f-1/domain.xml`])
    await execChecked(h2.machine, ['virsh', 'start', 'node-f-1.f-1'])
    const listed = (await driver.list()).machines
    assert.deepEqual(
      listed.map(({ id, state }: Machine) => [id, state]),
      [['f-1', 'running']],
    )
    assert.deepEqual(warnings, ['machine f-1 is at h1 and h2: deleting it removes both'])
    await driver.delete('f-1')
    assert.deepEqual(await remains(h1), [])
    assert.deepEqual(await remains(h2), [])
  })

  test('machine stopped or removed behind our back: it is shown as stopped, and made again, or deleted with its rest', async () => {
    const driver = driverOf([h1])
    await driver.create(spec('g-1'))
    await execChecked(h1.machine, ['virsh', 'destroy', 'node-g-1.g-1'])
    assert.deepEqual(await states(driver), { 'g-1': 'stopped at h1' })
    await driver.create(spec('g-1'))
    await execChecked(h1.machine, ['virsh', 'destroy', 'node-g-1.g-1'])
    await execChecked(h1.machine, ['virsh', 'undefine', 'node-g-1.g-1'])
    assert.deepEqual(await states(driver), { 'g-1': 'stopped at h1' })
    assert.equal((await driver.create(spec('g-1'))).state, 'running')
    await execChecked(h1.machine, ['rm', '-rf', `${machines}/g-1`])
    assert.deepEqual(await states(driver), { 'g-1': 'running at h1' })
    await driver.delete('g-1')
    assert.deepEqual(await remains(h1), [])
  })

  test('host key changed: the host is not used, and that is told as it is', async () => {
    const driver = driverOf([h1, h2])
    await driver.create(spec('i-1', { avoidHosts: ['h2'] }))
    const restore = await h1.changeHostKey()
    h1.door?.cut()
    await assert.rejects(driverOf([h1]).list(), { code: 'HostKeyMismatch', retryable: false })
    const { machines: seen, unread } = await driver.list()
    assert.deepEqual(seen, [])
    assert.deepEqual(
      unread.map(({ host, error }) => [host, error.code]),
      [['h1', 'HostKeyMismatch']],
    )
    await assert.rejects(driver.create(spec('i-1')), { code: 'HostKeyMismatch' })
    await assert.rejects(driver.delete('i-1'), { code: 'HostKeyMismatch' })
    restore()
    assert.deepEqual(await states(driver), { 'i-1': 'running at h1' })
  })
})
