import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { Contender } from './caches.ts'
import { packagesOf, repository } from './files.ts'
import { originAddress, siteAddress, stock } from './rig.ts'

const program = fileURLToPath(new URL('../../bin/causeway', import.meta.url))

/**
 * Our cache as a site runs it, with a role that names the last package, which needs all others. It reads ahead of whoever
 * turns to that repository, so what other subjects ask for lies outside of it.
 */
export const ours: Contender = {
  name: 'causeway',
  port: 3101,
  prefix: '',
  host: 'mirror.lab',
  keepsFiles: true,
  configure(folder) {
    const config = `${folder}/cache.yaml`
    const last = packagesOf(stock.count, stock.bytes).at(-1)?.name
    writeFileSync(
      config,
      stringify({
        listen: `${siteAddress}:${ours.port}`,
        store: `${folder}/store`,
        accessLog: `${folder}/access.log`,
        storage: { keepFree: '64MiB' },
        origins: { 'mirror.lab': { address: originAddress, port: 80, private: true } },
        roles: { node: { repository: `http://mirror.lab${repository}`, suites: ['stable'], packages: [last] } },
      }),
    )
    const argv = [
      'env',
      `CAUSEWAY_NODE=${process.execPath}`,
      program,
      'cache',
      '--config',
      config,
      '--log-level',
      'warn',
    ]
    return Promise.resolve(argv)
  },
}
