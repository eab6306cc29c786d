import { goldenImageFolder, stockImageFolder } from '../../lab/assets.ts'
import { places } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import type { NodeReport } from '../../src/hooks/reports.ts'

/** Waiting for emulated machines, ms. */
const patienceMs = 900_000

/**
 * Lets a Slurm job ask for one node after another on a lab of real virtual machines.
 * @returns of each node how long it was in each phase, ms
 */
export async function boots(
  image: 'light' | 'stock' | 'golden',
  rounds: number,
): Promise<Readonly<Record<string, number>>[]> {
  const folder = image === 'stock' ? stockImageFolder() : image === 'golden' ? goldenImageFolder() : null
  const images = folder ? { [image]: await folder } : {}
  const nodes = { east: 1, west: 1 }
  const lab = await Lab.up({ name: 'boots', machines: 'libvirt', caches: folder !== null, nodes, images })
  try {
    lab.configure((config) => {
      const { east } = config.sites
      east.nodes.idle = '1s'
      config.policy.deadlines = { create: '2m', boot: '10m', install: '10m', enrol: '5m' }
      if (image === 'light') return
      east.driver = { ...east.driver, image: `${places.images}/${image}/disk.qcow2`, firmware: 'bios' }
      east.nodes.memory = '512MiB'
    })
    if (folder) await lab.declareNodes()
    await lab.startController()
    const lives = async () => JSON.parse(await must(lab.causeway(['nodes', '--all', '--json']))) as NodeReport[]
    for (let round = 1; round <= rounds; round += 1) {
      const job = ['srun', '--nodes=1', '--constraint=site-east', '--chdir=/tmp', 'true']
      await must(lab.asAlice(job, { timeoutMs: patienceMs }))
      await until('the node is gone', patienceMs, () => lab.machines().length === 0)
    }
    return (await lives()).map(({ phasesMs }) => phasesMs)
  } finally {
    await lab.down()
  }
}
