import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { packageFile } from '../../../src/base/package-file.ts'
import { builderInput, type Recipe } from '../../../src/sites/images/recipe.ts'
import { atEnd } from '../../cache/cleanup.ts'
import { run, runChecked } from '../../cache/clients/run.ts'
import { greeting, kernelVersion, makeKey, makeTinyDistribution } from './tiny-distribution.ts'

/** Runs the builder; resolves with what it printed and what it complained of. */
async function build(file: string, recipe: Recipe) {
  const child = spawn(packageFile('scripts/image/build-rpm'), [file], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => undefined)
  child.stdin.end(builderInput(recipe))
  const code = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, stdout, stderr }
}

test('an image of an RPM distribution is made of signed packages, and boots', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'causeway-build-rpm-'))
  atEnd(t, () => rm(folder, { recursive: true, force: true }))
  const { url, key } = await makeTinyDistribution(folder)
  const recipe: Recipe = {
    family: 'rpm',
    release: '1',
    repositories: [url],
    keys: [key],
    gpgCheck: true,
    base: ['tiny'],
    packages: [],
    kernel: null,
    sizeMiB: 160,
    firmware: ['bios', 'uefi'],
    customize: [],
  }
  const file = join(folder, 'image.qcow2')

  const keyless = await build(file, { ...recipe, keys: [] })
  assert.equal(keyless.code, 1)
  assert.match(keyless.stderr, /no keys to check the packages with/)
  const stranger = await makeKey(join(folder, 'stranger'), 'stranger')
  const refused = await build(file, { ...recipe, keys: [stranger] })
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /dnf could not install the packages/)
  assert.match(refused.stderr, /GPG/)

  const made = await build(file, recipe)
  assert.equal(made.code, 0, made.stderr)
  const { epoch, packages } = JSON.parse(made.stdout) as { epoch: number; packages: Record<string, string> }
  assert.deepEqual(packages, { 'kernel-core': '1-1', tiny: '1-1' })

  const raw = join(folder, 'image.raw')
  await runChecked(['qemu-img', 'convert', '-O', 'raw', file, raw])
  const table = JSON.parse(await runChecked(['sfdisk', '--json', raw])) as {
    partitiontable: { partitions: { name: string; start: number }[] }
  }
  const { partitions } = table.partitiontable
  assert.deepEqual(
    partitions.map(({ name }) => name),
    ['bios', 'esp', 'system'],
  )
  const system = `${raw}?offset=${(partitions[2]?.start ?? assert.fail()) * 512}`
  const cat = (path: string) => runChecked(['debugfs', '-R', `cat ${path}`, system])
  assert.match(await cat('/boot/grub/grub.cfg'), new RegExp(`linux /boot/vmlinuz-${kernelVersion} root=UUID=`))
  assert.match(await cat('/etc/selinux/config'), /^SELINUX=disabled$/m)
  // The database: where these distributions have it, and as old as the repository.
  const database = join(folder, 'database')
  await runChecked(['mkdir', database])
  await runChecked(['debugfs', '-R', `dump /usr/lib/sysimage/rpm/rpmdb.sqlite ${database}/rpmdb.sqlite`, system])
  const query = ['--query', '--all', '--queryformat', '%{NAME} %{INSTALLTIME} %{INSTALLTID}\\n']
  const installed = await runChecked(['rpm', '--dbpath', database, ...query])
  const expected = ['gpg-pubkey', 'kernel-core', 'tiny'].map((name) => `${name} ${epoch} ${epoch}`)
  const untimed = (line: string) => (line.startsWith('gpg-pubkey') ? 'gpg-pubkey' : line)
  assert.deepEqual(installed.trim().split('\n').map(untimed).sort(), expected.map(untimed))

  const drive = `file=${file},format=qcow2,if=virtio,snapshot=on`
  const serial = join(folder, 'serial')
  const machine = ['-machine', 'pc', '-accel', 'tcg', '-m', '256', '-nic', 'none', '-display', 'none', '-no-reboot']
  await run(['qemu-system-x86_64', ...machine, '-serial', `file:${serial}`, '-drive', drive])
  assert.match(await readFile(serial, 'latin1'), new RegExp(`${greeting}, its script ran, /dev/vda3`))
})
