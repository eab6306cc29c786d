import { chownSync, mkdirSync } from 'node:fs'
import type { LabHost } from './host.ts'
import { type LabSge, sgeCell, sgeExecdPort, sgePort, sgeRoot, startSge } from './sge.ts'

/** The folder on the head with the programs that sge_qmaster calls. */
const scripts = '/opt/causeway/scripts/sge'

/** Where hooks keep what they can't deliver. */
const spoolFolder = '/var/spool/causeway/hooks'

/** Starts Grid Engine on a head as docs/grid-engine.md sets it up for a cluster that grows and shrinks. */
export async function startElasticSge(head: LabHost): Promise<LabSge> {
  // Where Debian's commands look for the cell, so that users need nothing in their environment.
  head.write('/etc/default/gridengine', {
    content: `SGE_ROOT=${sgeRoot}\nSGE_CELL=${sgeCell}\nexport SGE_QMASTER_PORT=${sgePort} SGE_EXECD_PORT=${sgeExecdPort}\n`,
  })
  const sge = await startSge(head)
  giveSpool(head)
  const change = async (flag: string, name: string, content: string) => {
    head.write(`/run/sge-admin/${name}`, { content })
    await sge.command(['qconf', flag, `/run/sge-admin/${name}`])
  }
  const global = await sge.command(['qconf', '-sconf', 'global'])
  const changed = global.replace(/^(jsv_url\s+).*$/m, `$1${scripts}/jsv`)
  // Who waits for the accounting of a job is not to wait long.
  await change('-Mconf', 'global', changed.replace(/\bflush_time=\S+/, 'flush_time=00:00:01'))
  // A queue without any host refuses all jobs.
  await change('-Ae', 'host', executionHost(head.name))
  await sge.command(['qconf', '-aattr', 'queue', 'hostlist', head.name, 'all.q'])
  await sge.command(['qconf', '-aattr', 'queue', 'slots', `[${head.name}=0]`, 'all.q'])
  return sge
}

/** An execution host with nothing set, as qconf reads it. */
function executionHost(name: string): string {
  const unset = ['load_scaling', 'complex_values', 'user_lists', 'xuser_lists', 'projects', 'xprojects']
  const more = ['usage_scaling', 'report_variables']
  return `hostname ${name}\n${[...unset, ...more].map((key) => `${key} NONE\n`).join('')}`
}

function giveSpool(head: LabHost): void {
  const [, uid, gid] = /^sgeadmin:[^:]*:(\d+):(\d+):/m.exec(head.read('/etc/passwd')) ?? []
  mkdirSync(head.path(spoolFolder), { recursive: true })
  chownSync(head.path(spoolFolder), Number(uid), Number(gid))
}
