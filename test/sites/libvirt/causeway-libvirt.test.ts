import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseInventory } from '../../../src/sites/libvirt/inventory.ts'
import { parseAnswers, renderCreate } from '../../../src/sites/libvirt/requests.ts'
import { atEnd } from '../../cache/cleanup.ts'
import { machineSpec } from '../../support/machine-spec.ts'
import { libvirtConfig } from './config.ts'

const script = join(import.meta.dirname, '../../../scripts/site/causeway-libvirt')

/**
 * A host in namespaces of its own with programs that a test wrote in place of this machine's `virsh` and QEMU, a bridge `br0`, a
 * /dev/kvm that is no such thing, and a /run that stays from call to call. What real libvirt does is in the driver's contract.
 */
async function oddHost(t: TestContext, programs: { readonly virsh: string; readonly qemu?: string }) {
  const folder = await mkdtemp(join(tmpdir(), 'causeway-libvirt-'))
  atEnd(t, () => rm(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 })
  }
  const root = join(folder, 'machines')
  const stage = `
    set -euo pipefail
    mount --make-rprivate /
    mount -t sysfs sysfs /sys
    ip link add br0 type bridge
    mkdir -p ${folder}/{run,dev}
    mount --bind ${folder}/run /run
    : >${folder}/dev/kvm
    for device in null zero urandom; do : >${folder}/dev/$device; mount --bind /dev/$device ${folder}/dev/$device; done
    mount --bind /dev/null ${folder}/dev/kvm
    ln -sfn /proc/self/fd ${folder}/dev/fd
    mount --rbind ${folder}/dev /dev
    mount --bind ${folder}/virsh /usr/bin/virsh
    [ ! -e ${folder}/qemu ] || mount --bind ${folder}/qemu /usr/bin/qemu-system-x86_64
    exec bash ${script} ${root} 15 "$@"`
  const call = (argv: readonly string[], stdin: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const words = ['--mount', '--net', 'bash', '-c', stage, 'stage', ...argv]
      const child = execFile('unshare', words, (error, stdout, stderr) =>
        error ? reject(new Error(`${error.message}\n${stderr}`)) : resolve(stdout),
      )
      child.stdin?.end(stdin)
    })
  return { folder, call }
}

test('of many machines that cannot start at once, each is told why', async (t) => {
  // What virsh says of a batch: the marks of the machines on stderr, and no domain runs or is left.
  const virsh = `
    commands=\${!#}
    while [[ $commands =~ echo\\ --err\\ (@@[^;]*)(.*) ]]; do
      echo "error: \${BASH_REMATCH[1]}" >&2
      echo 'error: cannot set up guest memory: Cannot allocate memory' >&2
      commands=\${BASH_REMATCH[2]}
    done
    if [[ $commands == *'echo @@'* ]]; then echo @@; fi`
  const host = await oddHost(t, { virsh })
  const image = join(host.folder, 'base.qcow2')
  await new Promise((resolve) => execFile('qemu-img', ['create', '-q', '-f', 'qcow2', image, '1M'], resolve))
  const config = libvirtConfig({ reserve: { disk: '1MiB' } })
  // More than there are lanes, so that some share one.
  const ids = Array.from({ length: 9 }, (_, k) => `m-${k}`)
  const requests = ids.map((id) => {
    const spec = machineSpec(id)
    const place = { folder: join(host.folder, id), arch: 'x86_64', accelerator: 'tcg', createdAtMs: 1 } as const
    return renderCreate({ spec: { ...spec, nic: { ...spec.nic, bridge: 'br0' } }, image, place }, config)
  })
  const answers = parseAnswers(await host.call(['create'], `${requests.join('')}end\n`), 'h1')
  for (const id of ids) {
    const answer = answers.get(id)
    assert.ok(answer?.word === 'failed', `${id}: ${answer?.word}`)
    assert.equal(answer.error.code, 'InsufficientCapacity')
    assert.match(answer.error.message, /Cannot allocate memory/)
  }
})

test('KVM that works is tried once, KVM that fails again after ten minutes', async (t) => {
  // Ends as QEMU does whose guest ran, once the test says so.
  const qemu = `echo tried >>/run/tries; [ -e /run/mended ] && exit 33; exit 1`
  const host = await oddHost(t, { virsh: 'echo @@stats', qemu })
  const state = async () => parseInventory(await host.call(['inventory'], 'kvm\nend\n')).withoutKvm
  const tries = () => readFileSync(join(host.folder, 'run/tries'), 'utf8').split('\n').length - 1
  assert.match(String(await state()), /does not run well/)
  await writeFile(join(host.folder, 'run/mended'), '')
  assert.match(String(await state()), /does not run well/)
  assert.equal(tries(), 1)
  const record = join(host.folder, 'run/causeway-kvm-probe')
  const past = Date.now() / 1000 - 601
  await utimes(record, past, past)
  assert.equal(await state(), null)
  await utimes(record, past, past)
  assert.equal(await state(), null)
  assert.equal(tries(), 2)
})
