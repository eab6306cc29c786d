import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CausewayError } from '../../../base/errors.ts'
import { readPackageFile } from '../../../base/package-file.ts'
import type { SchedulerConfig } from '../../../config/controller-schema.ts'
import type { Role } from '../../../elastic/scheduler.ts'
import { installer } from '../installer.ts'

/** Files of `SGE_ROOT/SGE_CELL/common` without which no host can join the cell. */
const requiredFiles = ['bootstrap', 'act_qmaster'] as const

/** Further ones, which hosts should share where the cell has them: other names of hosts, defaults of submissions. */
const sharedFiles = ['cluster_name', 'host_aliases', 'sge_aliases', 'sge_qstat', 'sge_request'] as const

/**
 * What makes a machine a Grid Engine execution host. The files of the cell are read now, on this host.
 * @throws CausewayError `InvalidConfig` when the cell's files can't be read, or the cell wants certificates of its hosts.
 */
export async function sgeRole(config: SchedulerConfig<'sge'>): Promise<Role> {
  const common = join(config.root, config.cell, 'common')
  const files = new Map<string, string>()
  for (const name of requiredFiles) files.set(name, await readCellFile(join(common, name)))
  for (const name of sharedFiles) {
    const content = await readCellFile(join(common, name)).catch(ignoreMissing)
    if (content !== null) files.set(name, content)
  }
  checkCell(common, files)
  return {
    program: await readPackageFile('scripts/sge/role'),
    env: {
      SGE_ROOT: config.root,
      SGE_CELL: config.cell,
      SGE_QMASTER_PORT: String(config.port),
      SGE_EXECD_PORT: String(config.execdPort),
    },
    files: [
      await installer(),
      ...[...files].map(([name, content]) => ({ path: `sge-common.${name}`, mode: 0o644, content })),
    ],
  }
}

function checkCell(common: string, files: ReadonlyMap<string, string>): void {
  if (files.get('act_qmaster')?.trim() === '') {
    throw new CausewayError('InvalidConfig', `${common}/act_qmaster is empty: it must name the host of sge_qmaster`)
  }
  const security = /^security_mode\s+(\S+)/m.exec(files.get('bootstrap') ?? '')?.[1] ?? 'none'
  if (security !== 'none') {
    throw new CausewayError(
      'InvalidConfig',
      `${common}/bootstrap: security_mode ${security} is not supported, only none`,
    )
  }
}

async function readCellFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new CausewayError(
      'InvalidConfig',
      `scheduler.root, scheduler.cell: ${file} can't be read: ${(cause as Error).message}`,
      { cause },
    )
  }
}

function ignoreMissing(error: CausewayError): null {
  if ((error.cause as NodeJS.ErrnoException).code === 'ENOENT') return null
  throw error
}
