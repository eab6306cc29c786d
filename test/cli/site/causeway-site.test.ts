import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { until } from '../../../lab/until.ts'
import { execChecked } from '../../../src/base/exec.ts'
import { HostScript } from '../../../src/base/host-script.ts'
import { ScratchSite } from '../../support/scratch-site.ts'

const config = '/mnt/etc/cache.yaml'
const store = '/var/lib/causeway/cache'
const program = '/var/lib/causeway/program/causeway'
const unit = '/etc/systemd/system/causeway-cache.service'

/** A program as it is brought: it says what it is, and with which Node it was started. */
function archiveOf(content: string): { digest: string; archive: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-program-'))
  try {
    mkdirSync(join(folder, 'bin'))
    writeFileSync(join(folder, 'bin/causeway'), content, { mode: 0o755 })
    const tar = execFileSync('tar', ['-C', folder, '-c', 'bin'])
    return { digest: createHash('sha256').update(tar).digest('hex'), archive: gzipSync(tar) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

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
    await write('/usr/local/sbin/systemctl', '#!/bin/sh\necho "$*" >>/mnt/calls\n')
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

  it('runs the cache in the background where there is no systemd, anew when told again, and ends it', async () => {
    await script.call(['cache-file', config], 'listen: 1\n')
    const start = ['cache-start', config, '/mnt/program', '/opt/node']
    const pids = new Set<string>()
    for (let time = 0; time < 2; time++) {
      assert.equal(await script.call(start), 'background\n')
      await until('the program itself runs', 120_000, async () => (await running()) === 1)
      pids.add((await site.exec(['pgrep', '-fx', 'sleep 86399'])).stdout)
    }
    assert.equal(pids.size, 2)
    assert.equal(await site.run('cat /mnt/calls'), `/opt/node cache --config ${config}\n`.repeat(2))
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
    await site.run('mkdir -p /run/systemd/system /etc/systemd/system')
    for (let time = 0; time < 2; time++)
      assert.equal(await script.call(['cache-start', config, '/mnt/program', '-']), 'systemd\n')
    assert.match(await site.run(`cat ${unit}`), new RegExp(`^ExecStart=/mnt/program cache --config ${config}$`, 'm'))
    // What systemd itself has to say of it: it ignores, and tells, what it does not understand.
    const verified = await site.exec(['systemd-analyze', 'verify', '--man=no', '--recursive-errors=no', unit])
    assert.deepEqual([verified.code, verified.stderr], [0, ''])
    const started = ['daemon-reload', 'enable --quiet causeway-cache.service', 'restart causeway-cache.service']
    assert.deepEqual((await site.run('cat /mnt/calls')).trim().split('\n'), [...started, ...started])
    assert.equal(await running(), 0)

    await site.run('rm /mnt/calls')
    for (let time = 0; time < 2; time++) await script.call(['cache-stop', config, 'keep'])
    assert.ok(!(await exists(unit)))
    const stopped = ['disable --quiet --now causeway-cache.service', 'daemon-reload']
    assert.deepEqual((await site.run('cat /mnt/calls')).trim().split('\n'), stopped)
  })

  it('takes a program, runs it with the Node that was said, and puts another in its place', async () => {
    const said = async (...argv: string[]) => (await execChecked(site, [program, ...argv])).trim()
    const one = archiveOf('#!/bin/sh\necho "one $CAUSEWAY_NODE $*"\n')
    const two = archiveOf('#!/bin/sh\necho "two ${CAUSEWAY_NODE#/var/lib/causeway/program/}"\n')
    assert.equal(await script.call(['program-use', one.digest, '/opt/node']), 'absent\n')
    assert.equal(await script.call(['program-take', one.digest, '/opt/node'], one.archive), 'used\n')
    assert.equal(await script.call(['program-use', one.digest, '/opt/node']), 'used\n')
    assert.equal(await said('cache', 'a b'), 'one /opt/node cache a b')

    await script.call(['program-take', two.digest, './node'], two.archive)
    assert.equal(await said(), `two ${two.digest}/node`)
    assert.equal(await script.call(['program-use', one.digest, '/opt/node']), 'absent\n')
    await script.call(['cache-stop', config, 'keep'])
    assert.ok(!(await exists('/var/lib/causeway/program')))
  })

  it('uses no program that came otherwise than it was sent, or that does not run', async () => {
    const sound = archiveOf('#!/bin/sh\n')
    const other = archiveOf('#!/bin/sh\nreboot\n')
    const changed = script.call(['program-take', sound.digest, '/opt/node'], other.archive)
    await assert.rejects(changed, { code: 'CommandFailed', message: /what came is not what was sent/ })
    const cut = script.call(['program-take', sound.digest, '/opt/node'], sound.archive.subarray(0, 60))
    await assert.rejects(cut, { code: 'CommandFailed' })
    const unfit = archiveOf('#!/bin/sh\nexit 1\n')
    const tried = script.call(['program-take', unfit.digest, '/opt/node'], unfit.archive)
    await assert.rejects(tried, { code: 'CommandFailed', message: /Causeway does not run here/ })
    for (const { digest } of [sound, unfit])
      assert.equal(await script.call(['program-use', digest, '/opt/node']), 'absent\n')
    assert.ok(!(await exists(program)))
  })

  it('tells what kind of machine it is, and of a Node only if its version fits', async () => {
    await write('/usr/local/sbin/node', '#!/bin/sh\necho v24.1.0\n')
    const kind = (await site.run('uname -sm')).trim()
    assert.equal(await script.call(['program-kind', '24']), `${kind}\n/usr/local/sbin/node\n`)
    assert.equal(await script.call(['program-kind', '2']), `${kind}\n-\n`)
    assert.equal(await script.call(['program-kind', '26']), `${kind}\n-\n`)
  })

  it('leaves a service alone that somebody else made', async () => {
    await write(unit, '[Unit]\n')
    await site.run('mkdir -p /run/systemd/system')
    await script.call(['cache-start', config, '/mnt/program', '-'])
    assert.equal(await site.run(`cat ${unit}`), '[Unit]\n')
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
    await assert.rejects(script.call(['program-take', 'abc', '/opt/node']), refused)
    await assert.rejects(script.call(['program-use', 'a'.repeat(64), '$(reboot)']), refused)
    await assert.rejects(script.call(['reboot']), refused)
  })
})
