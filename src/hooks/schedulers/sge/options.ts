import type { Clock } from '../../../base/clock.ts'
import type { Host } from '../../../base/host.ts'
import type { Registration } from '../../../elastic/scheduler.ts'

/** What Grid Engine is reached with, and which of its objects Causeway uses. */
export interface SgeOptions {
  /** Where Grid Engine's commands run, as one of its managers (root on the master's host). */
  readonly host: Host
  /** SGE_ROOT and SGE_CELL on that host. */
  readonly root: string
  readonly cell: string
  /** Where sge_qmaster and the nodes' sge_execd listen, TCP. */
  readonly port: number
  readonly execdPort: number
  /** The cluster queue that gets the nodes, and the host group that it has them from; made if they are not there. */
  readonly queue: string
  readonly hostGroup: string
  /** Parallel environments that there are to be one of for each site. */
  readonly parallel: readonly string[]
  readonly clock: Clock
  /** All nodes that there may be: their sites and features are made known before there is any node. Default: none. */
  readonly possible?: () => readonly Registration[]
}

/** What Grid Engine's programs find in their environment. */
export function sgeEnvironment(options: Pick<SgeOptions, 'root' | 'cell' | 'port' | 'execdPort'>): string[] {
  const { root, cell, port, execdPort } = options
  return [
    `SGE_ROOT=${root}`,
    `SGE_CELL=${cell}`,
    `SGE_QMASTER_PORT=${port}`,
    `SGE_EXECD_PORT=${execdPort}`,
    // The programs themselves before Debian's wrappers, which start a shell each time.
    `PATH=/usr/lib/gridengine:${root}/bin/lx-amd64:${root}/bin/ulx-amd64:/usr/local/bin:/usr/bin:/bin`,
    // qstat writes local times without saying which zone.
    'TZ=UTC',
  ]
}
