import { readPackageFile } from '../../../base/package-file.ts'
import type { SchedulerConfig } from '../../../config/controller-schema.ts'
import type { Role } from '../../../elastic/scheduler.ts'
import { installer } from '../installer.ts'

/** What makes a machine a Torque node. Torque itself must be in the machine's image, under the same prefix as on the head. */
export async function torqueRole(config: SchedulerConfig<'torque'>): Promise<Role> {
  return {
    program: await readPackageFile('scripts/torque/role'),
    env: {
      TORQUE_PREFIX: config.prefix,
      TORQUE_HOME: config.home,
      // Empty: the head's name.
      TORQUE_SERVER: config.server ?? '',
      TORQUE_PORT: String(config.port),
    },
    files: [await installer()],
  }
}
