import type { LabHost } from './host.ts'
import { type LabSge, sgeCell, sgeExecdPort, sgePort, sgeRoot, startSge } from './sge.ts'

/** The folder on the head with the programs that sge_qmaster calls. */
const scripts = '/opt/causeway/scripts/sge'

/** Starts Grid Engine on a head as docs/grid-engine.md sets it up for a cluster that grows and shrinks. */
export async function startElasticSge(head: LabHost): Promise<LabSge> {
  // Where Debian's commands look for the cell, so that users need nothing in their environment.
  head.write('/etc/default/gridengine', {
    content: `SGE_ROOT=${sgeRoot}\nSGE_CELL=${sgeCell}\nexport SGE_QMASTER_PORT=${sgePort} SGE_EXECD_PORT=${sgeExecdPort}\n`,
  })
  const sge = await startSge(head)
  const global = await sge.command(['qconf', '-sconf', 'global'])
  // Who waits for the accounting of a job is not to wait long.
  const content = global
    .replace(/^(jsv_url\s+).*$/m, `$1${scripts}/jsv`)
    .replace(/\bflush_time=\S+/, 'flush_time=00:00:01')
  const file = '/run/sge-admin/global' // qconf takes the file's name for the configuration's
  head.write(file, { content })
  await sge.command(['qconf', '-Mconf', file])
  return sge
}
