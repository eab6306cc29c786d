import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { basename, join } from 'node:path'
import { CausewayError } from '../src/base/errors.ts'
import { cacheConfig, cachePort, places, yaml } from './config.ts'
import type { LabHost, LabProcess } from './host.ts'
import { listens } from './ssh.ts'
import { until } from './until.ts'

/** What our own program finds in its environment on a host: it is run by the Node that runs the lab. */
export const causewayEnv = {
  CAUSEWAY_NODE: join('/opt/node', basename(process.execPath)),
  CAUSEWAY_CONFIG: places.config,
}

/** Starts the controller on the head. */
export function startController(head: LabHost): Promise<LabProcess> {
  return start(head, 'controller', places.config)
}

/**
 * Resolves when the socket of a controller answers.
 * @throws CausewayError `CommandFailed` with the end of its log when it ended at once; `CommandTimeout`.
 */
export function controllerServes(daemon: LabProcess, head: LabHost): Promise<void> {
  return serving(daemon, head, 'controller', () => answers(head.path(places.socket)))
}

/**
 * Starts the package cache on a gateway.
 * @param image the root file system that nodes boot, whose packages no node needs to fetch
 */
export function startCache(gateway: LabHost, image: string): Promise<LabProcess> {
  gateway.write(places.cacheConfig, { content: yaml(cacheConfig(installedPackages(image))) })
  return start(gateway, 'cache', places.cacheConfig)
}

/**
 * Resolves when a cache serves.
 * @throws CausewayError as `controllerServes`.
 */
export function cacheServes(daemon: LabProcess, gateway: LabHost): Promise<void> {
  return serving(daemon, gateway, 'cache', () => listens(gateway, cachePort))
}

function start(host: LabHost, what: 'controller' | 'cache', config: string): Promise<LabProcess> {
  return host.start([places.causeway, what, '--config', config], { log: logOf(what), env: causewayEnv })
}

const logOf = (what: string) => `/var/log/causeway/${what}.log`

/** Waits until a daemon serves; its log tells why when it ends instead. */
async function serving(daemon: LabProcess, host: LabHost, what: string, probe: () => Promise<boolean>): Promise<void> {
  await until(`${host.name}: the ${what} serves`, 120_000, () => {
    if (daemon.status === undefined) return probe()
    const said = host.read(logOf(what)).trim().slice(-2000)
    throw new CausewayError('CommandFailed', `${host.name}: the ${what} ended with status ${daemon.status}: ${said}`)
  })
}

/** Whether something accepts connections on a unix socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** The names of the packages in a root file system, and what else they stand for. */
function installedPackages(root: string): string[] {
  const status = readFileSync(join(root, 'var/lib/dpkg/status'), 'utf8')
  return [...status.matchAll(/^(?:Package|Provides): (.+)$/gm)].flatMap(([, names = '']) =>
    names.split(', ').map((name) => name.replace(/ .*/, '')),
  )
}
