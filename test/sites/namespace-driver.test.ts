import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { MachineSpec } from '../../src/sites/driver.ts'
import { NamespaceDriver, type NamespaceDriverOptions } from '../../src/sites/namespace-driver.ts'
import { eventually } from '../contract/driver-contract.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { machineRemains, ScratchSite } from '../support/scratch-site.ts'

describe('NamespaceDriver', () => {
  let site: ScratchSite
  before(async () => {
    site = await ScratchSite.create()
  })
  after(() => site?.close())

  const make = (over: Partial<NamespaceDriverOptions> = {}) =>
    new NamespaceDriver({ site: 'east', cluster: 'lab', host: site, root: '/mnt/machines', bin: '/mnt/bin', ...over })

  /** Creates a machine that runs a script, waits until the script has ended, and gives what it printed. */
  const printed = async (script: string, driver = make(), over: Partial<MachineSpec> = {}): Promise<string> => {
    const spec = machineSpec('probe', { boot: `#!/bin/bash\n${script}\n`, ...over })
    try {
      await driver.create(spec)
      await eventually(async () => assert.match(await driver.console('probe'), /boot ended with status/))
      return await driver.console('probe')
    } finally {
      await driver.delete('probe')
      assert.deepEqual(await machineRemains(site), [])
    }
  }

  it('plugs the machine into the bridge with its own MAC and MTU', async () => {
    const driver = make()
    const spec = machineSpec('plugged', { boot: '#!/bin/sh\nip -o link show eth0\n' })
    try {
      await driver.create(spec)
      const port = await site.run(`ip -o link show dev ${spec.nic.port}`)
      assert.match(port, /mtu 1450 .*master cw77/)
      await eventually(async () => assert.match(await driver.console('plugged'), /eth0.* mtu 1450 /))
      assert.ok((await driver.console('plugged')).includes(`link/ether ${spec.nic.mac}`))
    } finally {
      await driver.delete('plugged')
    }
  })

  it('gives the machine processes, a root, a host name and devices of its own', async () => {
    const text = await printed(`
      hostname inside; echo "init: $(tr '\\0' ' ' </proc/1/cmdline)"
      echo "processes: $(ls -d /proc/[0-9]* | wc -l)"
      echo written >/etc/causeway-probe; cat /etc/causeway-probe
      echo random: $(head -c 4 /dev/urandom | wc -c); : >/dev/null; ls /dev/pts/ptmx
      touch /sys/probe 2>/dev/null || echo sys is read-only
      echo "mounts of the site: $(grep -c ' /mnt' /proc/mounts)"`)
    assert.match(text, /init: \/bin\/bash \/run\/causeway\/init probe /)
    assert.match(text, /^processes: [3-9]$/m)
    assert.match(text, /^written$/m)
    assert.match(text, /^random: 4$/m)
    assert.match(text, /^\/dev\/pts\/ptmx$/m)
    assert.match(text, /^sys is read-only$/m)
    assert.match(text, /^mounts of the site: 0$/m)
    assert.equal((await site.exec(['test', '-e', '/etc/causeway-probe'])).code, 1)
    assert.notEqual((await site.run('hostname')).trim(), 'inside')
  })

  it('hands over the seed with its modes, and nothing else of the site', async () => {
    const seed = [
      {
        path: 'boot',
        mode: 0o755,
        content: '#!/bin/sh\ncd "${0%/*}"; stat -c "%n %a %U" . token d/e; cat token; env; ls /proc/1/fd\n',
      },
      { path: 'token', mode: 0o600, content: 's3cret \'"$x\n' },
      { path: 'd/e', mode: 0o644, content: '' },
    ]
    const text = await printed('', make(), { seed })
    assert.ok(text.includes('. 700 root\ntoken 600 root\nd/e 644 root\ns3cret \'"$x\n'), text)
    const words = text.split('\n').filter((line) => /^[A-Z_]+=/.test(line))
    assert.deepEqual(
      words.map((line) => line.split('=')[0]).filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name ?? '')),
      ['PATH'],
    )
    assert.match(text, /\n0\n1\n2\n255\n/)
  })

  it('binds shared folders in, and says when one is missing', async () => {
    await site.run('mkdir -p /mnt/shared/home')
    const text = await printed('echo from inside >/mnt/shared/home/file', make({ shared: ['/mnt/shared/home'] }))
    assert.match(text, /status 0/)
    assert.equal(await site.run('cat /mnt/shared/home/file'), 'from inside\n')
    const missing = make({ shared: ['/mnt/nowhere'] }).create(machineSpec('x-1'))
    await assert.rejects(missing, { code: 'InvalidRequest', message: /\/mnt\/nowhere/ })
  })

  it('reaps orphans, however many', async () => {
    const text = await printed(`
      for i in 1 2 3 4 5 6 7 8; do (sleep 0.05 & ) ; done; sleep 0.5
      echo "zombies: $(grep -l '^State:.Z' /proc/[0-9]*/status | wc -l)"`)
    assert.match(text, /^zombies: 0$/m)
  })

  it('keeps the end of a long console only', async () => {
    const text = await printed('seq 1 60000')
    assert.ok(text.length <= 65_536 && text.includes('\n60000\n'))
  })

  it('says that the bridge is not there, and that it may come', async () => {
    const spec = machineSpec('k-1')
    const lost = make().create({ ...spec, nic: { ...spec.nic, bridge: 'cw99' } })
    await assert.rejects(lost, { code: 'CommandFailed', retryable: true, message: /no bridge cw99/ })
    await make().delete('k-1')
  })

  it('makes no machine where the disk is nearly full', async () => {
    const full = make({ reserveMiB: 99_999_999 })
    await assert.rejects(full.create(machineSpec('l-1')), { code: 'InsufficientCapacity', message: /99999999 MiB/ })
    assert.deepEqual((await full.list()).machines, [])
  })

  it('says why a machine did not start, and makes it once the obstacle is gone', async () => {
    const spec = machineSpec('m-1')
    await site.run(`ip link add ${spec.nic.port} type bridge`)
    await assert.rejects(make().create(spec), { code: 'CommandFailed', message: /File exists/ })
    await site.run(`ip link del ${spec.nic.port}`)
    assert.equal((await make().create(spec)).state, 'running')
    await make().delete('m-1')
    assert.deepEqual(await machineRemains(site), [])
  })

  it('refuses what could not be a folder, a device or a path', async () => {
    const spec = machineSpec('n-1')
    const wrong: MachineSpec[] = [
      { ...spec, id: '../n' },
      { ...spec, name: 'a b' },
      { ...spec, image: 'relative' },
      { ...spec, image: '/a:b,c' },
      { ...spec, nic: { ...spec.nic, port: 'longer-than-15-chars' } },
      { ...spec, nic: { ...spec.nic, mac: '02-43-0a-4d-01-01' } },
      { ...spec, seed: [{ path: '../escape', mode: 0o600, content: '' }] },
      { ...spec, seed: [{ path: '/absolute', mode: 0o600, content: '' }] },
    ]
    for (const each of wrong) await assert.rejects(make().create(each), { code: 'InvalidRequest' })
    await assert.rejects(make().delete('..'), { code: 'InvalidRequest' })
    await assert.rejects(make().console('a/b'), { code: 'InvalidRequest' })
  })

  it('puts its script in place again when someone removed it', async () => {
    const driver = make()
    await driver.list()
    await site.run('rm -rf /mnt/bin')
    assert.deepEqual((await driver.list()).machines, [])
  })

  it('waits for whoever works on the same machine', async () => {
    const [first, second] = await Promise.all([make().create(machineSpec('o-1')), make().create(machineSpec('o-1'))])
    assert.deepEqual(first, second)
    await Promise.all([make().delete('o-1'), make().delete('o-1')])
    assert.deepEqual(await machineRemains(site), [])
  })

  it('does not take a foreign process for a holder when pids come round', async () => {
    const driver = make()
    await driver.create(machineSpec('p-1'))
    const [holder = ''] = (await site.run('cat /mnt/machines/p-1/holder')).split(' ')
    await site.exec(['sh', '-c', `kill -9 ${holder}; echo "1 0" >/mnt/machines/p-1/holder`])
    assert.equal((await driver.list()).machines[0]?.state, 'stopped')
    await driver.delete('p-1')
    assert.equal((await site.exec(['true'])).code, 0)
    assert.deepEqual(await machineRemains(site), [])
  })
})
