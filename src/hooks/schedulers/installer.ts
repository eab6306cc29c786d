import { readPackageFile } from '../../base/package-file.ts'
import type { Role } from '../../elastic/scheduler.ts'

/** The program by which a role and the admin's snippets install packages, as a file of the seed. */
export async function installer(): Promise<Role['files'][number]> {
  return { path: 'install', mode: 0o755, content: await readPackageFile('scripts/node/install') }
}
