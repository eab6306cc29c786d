import { readFile } from 'node:fs/promises'
import { CausewayError } from '../../../base/errors.ts'
import { readPackageFile } from '../../../base/package-file.ts'
import type { SchedulerConfig } from '../../../config/controller-schema.ts'
import type { Role } from '../../../elastic/scheduler.ts'
import { installer } from '../installer.ts'

/**
 * What makes a machine a Slurm node.
 * @throws CausewayError `InvalidConfig` when munge's key can't be read
 */
export async function slurmRole(config: SchedulerConfig<'slurm'>): Promise<Role> {
  const mungeKey = await readMungeKey(config.mungeKeyFile)
  return {
    program: await readPackageFile('scripts/slurm/role'),
    env: { SCHEDULER_PORT: String(config.port), SLURM_NODES: config.nodes },
    files: [await installer(), { path: 'munge.key.base64', mode: 0o600, content: `${mungeKey.toString('base64')}\n` }],
  }
}

async function readMungeKey(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new CausewayError(
      'InvalidConfig',
      `scheduler.mungeKeyFile: ${file} can't be read: ${(cause as Error).message}`,
      { cause },
    )
  }
}
