import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { must } from '../../lab/demo/must.ts'
import type { LabHost } from '../../lab/host.ts'
import type { Lab } from '../../lab/lab.ts'
import { must as run } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'
import type { TimelineReport } from '../../src/hooks/reports.ts'
import type { StoredEvent } from '../../src/store/event-store.ts'
import { bootDisk } from '../support/boot-disk.ts'
import { clusterUp, patienceMs, shrunk, submit } from './cluster.ts'

/** From now on the seeds that are made at a host have a label by which no machine finds them. */
async function spoilSeeds(host: LabHost): Promise<void> {
  for (const tool of ['genisoimage', 'xorriso']) {
    const path = (await host.exec(['which', tool])).stdout.trim()
    if (path === '') continue
    await must(host.exec(['cp', path, `/opt/${tool}`]))
    const spoilt = `#!/bin/bash\nexec -a "$0" /opt/${tool} "\${@/cidata/nodata}"\n`
    host.write(`/opt/${tool}-spoilt`, { content: spoilt, mode: 0o755 })
    await must(host.exec(['mount', '--bind', `/opt/${tool}-spoilt`, path]))
  }
}

/** What happened to the node of this name, all lives together. */
async function eventsOf(lab: Lab, node: string): Promise<StoredEvent[]> {
  const { code, stdout } = await lab.causeway(['timeline', node, '--json'])
  return code === 0 ? (JSON.parse(stdout) as TimelineReport).lives.flatMap(({ events }) => events) : []
}

describe('virtual machines that do not become nodes', () => {
  let lab: Lab
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cwc-images-'))
    writeFileSync(join(folder, 'raw'), bootDisk('nothing boots here\r\n'))
    await run(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', join(folder, 'raw'), join(folder, 'disk.qcow2')])
    const nodes = { east: 1, west: 1 }
    lab = await clusterUp(
      { name: 'vmfaults', machines: 'libvirt', caches: false, nodes, images: { dead: folder } },
      (config) => {
        const { kernel: _, ...driver } = config.sites.east.driver
        const dead = {
          image: '/var/lib/causeway/images/dead/disk.qcow2',
          firmware: 'bios',
          machine: 'pc',
          shutdown: '1s',
        }
        config.sites.east.driver = { ...driver, ...dead }
        // Long enough for a machine to boot and complain.
        config.policy.deadlines.boot = '30s'
        config.policy.breaker.failures = 50
      },
    )
    await spoilSeeds(lab.hosts.west)
  })
  after(async () => {
    await lab.down()
    assert.deepEqual(await lab.leftovers(), [])
    rmSync(folder, { recursive: true })
  })

  test('a machine that never boots, and one that finds no seed: BootTimeout, and what they printed is kept', async () => {
    const expected = { east: 'nothing boots here', west: 'light: the seed has no program "boot"' }
    const jobs = await Promise.all(['east', 'west'].map((site) => submit(lab, 'true', `--constraint=site-${site}`)))
    for (const [site, last] of Object.entries(expected)) {
      // On a slow machine the first may be given up before it has come so far.
      const events = await until(`the machine at ${site} has printed "${last}"`, patienceMs, async () => {
        const so = await eventsOf(lab, `${site}-1`)
        return so.some(({ kind, text }) => kind === 'console' && text === `its machine printed last: ${last}`) && so
      })
      assert.ok(events.some(({ code }) => code === 'BootTimeout'))
    }
    await must(lab.asAlice(['scancel', ...jobs]))
    await shrunk(lab)
  })

  test('a host whose key has changed: it is not used, both keys are told, and nothing is sent to it', async () => {
    await lab.changeHostKey('west')
    const log = () => lab.hosts.west.read('/var/log/causeway/sshd.log').split('\n')
    const logins = () => log().filter((line) => line.startsWith('Accepted ')).length
    const [lines, before] = [log().length, logins()]
    assert.ok(before > 0)
    const told = /its key is SHA256:\S+, but SHA256:\S+ is pinned/
    const says = async (...argv: string[]) => told.test((await lab.causeway(argv)).stdout)
    await until('status tells it', patienceMs, () => says('status'))
    const job = await submit(lab, 'true', '--constraint=site-west')
    await until('the job is told', patienceMs, () => says('why', job))
    assert.deepEqual(lab.machines(), [])
    assert.ok(log().length > lines, 'it was tried')
    assert.equal(logins(), before)
  })
})
