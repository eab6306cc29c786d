import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { until } from '../../../lab/until.ts'
import { execChecked } from '../../../src/base/exec.ts'
import { HostScript } from '../../../src/base/host-script.ts'
import { ScratchSite } from '../../support/scratch-site.ts'

const config = '/mnt/etc/cache.yaml'
const store = '/var/lib/causeway/cache'
const unit = '/etc/systemd/system/causeway-cache.service'

describe('scripts/site/causeway-site', () => {
  let site: ScratchSite
  let script: HostScript

  const write = async (path: string, content: string) => {
    await execChecked(site, ['sh', '-c', 'mkdir -p "${1%/*}"; cat >"$1"; chmod 755 "$1"', 'sh', path], {
      stdin: content,
    })
  }
  const exists = async (path: string) => (await site.exec(['test', '-e', path])).code === 0
  const running = async () => {
    const { stdout } = await site.exec(['pgrep', '-fx', 'sleep 86399'])
    return stdout.split('\n').filter(Boolean).length
  }

  before(async () => {
    site = await ScratchSite.create()
    // What the script writes outside /run and /mnt is this machine's.
    for (const folder of ['/etc/systemd', '/usr/local/sbin', '/var/lib', '/var/log'])
      await site.run(`mount -t tmpfs tmpfs ${folder}`)
    script = new HostScript(site, 'scripts/site/causeway-site', '/mnt/bin')
    await write('/mnt/program', '#!/bin/sh\necho "$CAUSEWAY_NODE $*" >>/mnt/calls\nexec sleep 86399\n')
  })
  beforeEach(async () => {
    await script.call(['cache-stop', config, 'forget'])
    await site.run('rm -rf /mnt/calls /mnt/etc /run/systemd')
  })
  after(() => site.close())

  it('writes the configuration of a cache, and keeps one that is there', async () => {
    assert.equal(await script.call(['cache-file', config], 'listen: 1\n'), 'written\n')
    assert.equal(await script.call(['cache-file', config], 'listen: 2\n'), 'kept\n')
    assert.match(await site.run(`cat ${config}`), /^# Made by causeway site add.*\nlisten: 1\n$/)
  })

  it('runs the cache in the background where there is no systemd, once, and ends it, as often as it is told', async () => {
    await script.call(['cache-file', config], 'listen: 1\n')
    const start = ['cache-start', config, '/mnt/program', '/opt/node']
    assert.equal(await script.call(start), 'background\n')
    assert.equal(await script.call(start), 'runs\n')
    await until('the program itself runs', 120_000, async () => (await running()) === 1)
    assert.equal(await site.run('cat /mnt/calls'), `/opt/node cache --config ${config}\n`)
    await write(`${store}/a-package`, 'bytes')

    for (let time = 0; time < 2; time++) {
      await script.call(['cache-stop', config, 'keep'])
      assert.equal(await running(), 0)
      assert.ok(!(await exists(config)))
      assert.ok(await exists(store))
    }
  })

  it('deletes what a cache of ours kept, and nothing of one that was there before', async () => {
    await write(`${store}/a-package`, 'bytes')
    await write(config, 'listen: 3\n')
    await script.call(['cache-stop', config, 'forget'])
    assert.ok(await exists(store))
    assert.ok(await exists(config))
    await site.run(`rm ${config}`)
    await script.call(['cache-file', config], 'listen: 1\n')
    await script.call(['cache-stop', config, 'forget'])
    assert.ok(!(await exists(store)))
  })

  it('makes it a service where systemd runs, and takes the service away', async () => {
    await write('/usr/local/sbin/systemctl', '#!/bin/sh\necho "$*" >>/mnt/calls\n')
    await site.run('mkdir -p /run/systemd/system /etc/systemd/system')
    for (let time = 0; time < 2; time++)
      assert.equal(await script.call(['cache-start', config, '/mnt/program', '-']), 'systemd\n')
    assert.match(await site.run(`cat ${unit}`), new RegExp(`^ExecStart=/mnt/program cache --config ${config}$`, 'm'))
    const started = ['daemon-reload', 'enable --quiet causeway-cache.service', 'restart causeway-cache.service']
    assert.deepEqual((await site.run('cat /mnt/calls')).trim().split('\n'), [...started, ...started])
    assert.equal(await running(), 0)

    await site.run('rm /mnt/calls')
    for (let time = 0; time < 2; time++) await script.call(['cache-stop', config, 'keep'])
    assert.ok(!(await exists(unit)))
    const stopped = ['disable --quiet --now causeway-cache.service', 'daemon-reload']
    assert.deepEqual((await site.run('cat /mnt/calls')).trim().split('\n'), stopped)
  })

  it('leaves a service alone that somebody else made', async () => {
    await write(unit, '[Unit]\n')
    await script.call(['cache-stop', config, 'keep'])
    assert.ok(await exists(unit))
    await site.run(`rm ${unit}`)
  })

  it('says what is missing, and refuses what it does not know', async () => {
    const missing = script.call(['cache-start', config, '/mnt/nothing', '-'])
    await assert.rejects(missing, { code: 'CommandFailed', message: /bring Causeway to this host/ })
    const refused = { code: 'InvalidRequest' }
    await assert.rejects(script.call(['install', 'bash;reboot']), refused)
    await assert.rejects(script.call(['cache-file', 'etc/cache.yaml']), refused)
    await assert.rejects(script.call(['cache-stop', config, 'perhaps']), refused)
    await assert.rejects(script.call(['reboot']), refused)
  })
})
