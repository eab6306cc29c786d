import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { stockImageFolder } from '../../lab/assets.ts'
import { type LabConfig, places } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { clusterUp, lives, shrunk } from './cluster.ts'
import { reload } from './policies.ts'

/** Waiting for an emulated machine on a busy one, ms. */
const patienceMs = 600_000

/** How each program of the seed begins in user data: a copy of that anywhere has it. */
const copied = Buffer.from('#!/bin/bash\n').toString('base64')

/**
 * Run by a job, an ordinary user: says of each place where the seed or a copy of it was, whether it is there and whether it can
 * be read.
 */
const pry = `cd /tmp
disk=$(readlink -f /dev/disk/by-label/cidata)
echo "disk $disk $(stat -c '%a %U:%G' $disk)"
for place in /var/lib/causeway/seed /var/lib/causeway/seed/token /var/lib/causeway/seed/role /etc/munge/munge.key \
  $disk /var/lib/cloud/instances /var/lib/cloud/instance/user-data.txt /var/lib/cloud/instance/obj.pkl \
  /run/cloud-init/instance-data-sensitive.json /run/cloud-init/instance-data.json; do
  there=hidden can=closed
  if [ -e $place ]; then there=there; fi
  if head -c 1 $place >/dev/null 2>&1 || { [ -d $place ] && ls $place >/dev/null 2>&1; }; then can=OPEN; fi
  echo "$place $there $can"
done
echo "found $(grep -rlsI ${copied} /etc /run /tmp /dev/shm /var/lib /var/log 2>/dev/null | tr '\\n' ' ')"
if tr '\\0' '\\n' 2>/dev/null </proc/1/environ; then echo 'environment OPEN'; fi
echo "metadata $(ip route get 169.254.169.254 2>&1 | tail -n 1)"
echo "user $(id -un) $(id -Gn)"
echo "init $(cat /proc/1/comm)"
echo "boot $(cat /proc/sys/kernel/random/boot_id)"`

/** The stock image for machines at east, which go after this idle time. */
const stockAtEast = (idle: string) => (config: LabConfig) => {
  const { east } = config.sites
  east.driver = { ...east.driver, image: `${places.images}/stock/disk.qcow2`, firmware: 'bios' }
  east.nodes = { ...east.nodes, memory: '512MiB', idle }
  config.policy.deadlines = { create: '2m', boot: '10m', install: '10m', enrol: '5m' }
}

describe('a stock Debian with systemd and cloud-init, installed through the cache', () => {
  let lab: Lab
  before(async () => {
    lab = await clusterUp(
      { machines: 'libvirt', images: { stock: await stockImageFolder() }, nodes: { east: 1, west: 1 } },
      stockAtEast('30m'),
    )
    await lab.declareNodes()
  })
  after(async () => {
    await lab.down()
    assert.deepEqual(await lab.leftovers(), [])
  })

  /** Runs a shell script as alice on the node; resolves to what it said. */
  async function onEast(script: string): Promise<string> {
    const words = ['--nodes=1', '--exclusive', '--chdir=/tmp', '--constraint=site-east']
    const { code, stdout, stderr } = await lab.asAlice(['srun', ...words, 'bash', '-c', script], {
      timeoutMs: patienceMs,
    })
    assert.equal(code, 0, stderr)
    return stdout
  }

  const lineOf = (text: string, word: string) => text.match(new RegExp(`^${word} (.*)$`, 'm'))?.[1] ?? ''

  let firstBoot = ''

  test('it runs a job, which can read nothing that the node was made a node with', async () => {
    const said = await onEast(pry)
    firstBoot = lineOf(said, 'boot')
    assert.equal(lineOf(said, 'user'), 'alice alice')
    assert.equal(lineOf(said, 'init'), 'systemd')
    assert.doesNotMatch(said, /OPEN/)
    assert.match(lineOf(said, 'disk'), /^\/dev\/\w+ 600 root:root$/)
    assert.equal(lineOf(said, 'found').trim(), '')
    assert.match(lineOf(said, 'metadata'), /Permission denied|prohibit/)
  })

  test("its packages came through its site's cache, of which it knows nothing", () => {
    const fetched = lab.hosts.east.read(places.cacheLog)
    assert.match(fetched, /slurmd_[^"]*\.deb/)
    assert.match(fetched, /munge_[^"]*\.deb/)
  })

  test('it is a node again after it was started again', async () => {
    const { east } = lab.hosts
    const [name = ''] = (await must(east.exec(['virsh', 'list', '--name']))).split('\n')
    await must(east.exec(['virsh', 'reset', name]))
    const bootTime = async () =>
      (await must(lab.head.exec(['scontrol', 'show', 'node', 'east-1']))).match(/BootTime=(\S+)/)?.[1]
    const before = await bootTime()
    await until('slurmd has come back', patienceMs, async () => (await bootTime()) !== before)
    const said = await onEast(pry)
    assert.notEqual(lineOf(said, 'boot'), firstBoot)
    assert.doesNotMatch(said, /OPEN/)
    assert.equal(lives(lab).length, 1)
  })

  test('it is gone when nobody needs it, with its disk and its seed', async () => {
    await reload(lab, stockAtEast('1s'))
    await shrunk(lab)
    const left = await must(
      lab.hosts.east.exec([
        'find',
        '/var/lib/causeway',
        '-name',
        '*.iso',
        '-o',
        '-name',
        '*.qcow2',
        '!',
        '-path',
        '*/images/*',
      ]),
    )
    assert.equal(left, '')
  })
})
