import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execChecked } from '../../src/base/exec.ts'
import { CommandDriver } from '../../src/sites/command/command-driver.ts'
import type { MachineSpec } from '../../src/sites/driver.ts'
import { bootDisk } from '../support/boot-disk.ts'
import { CuttableHost } from '../support/cuttable-host.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { ScratchSite } from '../support/scratch-site.ts'
import { driverContract } from './driver-contract.ts'

const examples = join(import.meta.dirname, '../../examples')
const site = { hosts: 1, darkens: 'whole', fills: false, announces: false, refuses: [] } as const

// This machine's own root serves as the image.
driverContract('CommandDriver with examples/driver-namespaces.py', site, () =>
  begin('driver-namespaces.py', 'veth', (id, cluster) => machineSpec(id, { cluster })),
)

const images = mkdtempSync(join(tmpdir(), 'causeway-images-'))
process.on('exit', () => rmSync(images, { recursive: true, force: true }))

driverContract('CommandDriver with examples/driver-qemu', site, () =>
  begin('driver-qemu', 'tun', (id, cluster) => {
    const image = join(images, `${id}.img`)
    writeFileSync(image, bootDisk(`hello from node-${id}\n`))
    return machineSpec(id, { cluster, image, memoryMiB: 16 })
  }),
)

/** A program of the examples at a site of its own. */
async function begin(program: string, ports: string, spec: (id: string, cluster: string) => MachineSpec) {
  const scratch = await ScratchSite.create()
  const host = new CuttableHost(scratch)
  const settings = { accel: 'tcg' }
  const argv = [join(examples, program), '--state', '/mnt/machines']
  const make = (cluster: string) =>
    new CommandDriver({ site: 'east', cluster, host, program: argv, settings, timeoutMs: 60_000 })
  return {
    driver: make('lab'),
    restarted: () => make('lab'),
    other: make('other'),
    spec: (id: string, cluster = 'lab') => spec(id, cluster),
    cutPower: async (id: string) => {
      const [holder = ''] = (await scratch.run(`cat /mnt/machines/${id}/holder`)).split(/\s/)
      await scratch.run(`kill -9 ${holder}`)
      await scratch.run(`timeout 120 tail --pid=${holder} -s 0.01 -f /dev/null`)
    },
    print: async (id: string, text: string) => {
      await execChecked(scratch, ['tee', '-a', `/mnt/machines/${id}/console.log`], { stdin: text })
    },
    remains: async () => {
      const lines = [
        await scratch.run('find /mnt -mindepth 2 -not -path */.locks*'),
        await scratch.run(`ip -o link show type ${ports}`),
        await scratch.run('ps -eo args='),
      ].flatMap((text) => text.split('\n'))
      return lines.filter((line) => /\/mnt\/machines\/|^\d+: /.test(line) && !line.startsWith('find '))
    },
    darken: async ({ length }: readonly string[]) => host.cut(length > 0),
    close: () => scratch.close(),
  }
}
