import { stringify } from 'yaml'
import { underlayAddress } from './network.ts'
import { sgeCell, sgeExecdPort, sgePort, sgeRoot } from './sge.ts'
import { slurmConfPath } from './slurm.ts'

/** The lab's sites, nearest first. */
export const siteNames = ['east', 'west'] as const

/** The batch queues that a lab can have on its head: Slurm with cloud or dynamic nodes, Grid Engine, none. */
export const labSchedulers = ['slurm', 'slurm-dynamic', 'sge', 'none'] as const

/** One of them. */
export type LabScheduler = (typeof labSchedulers)[number]

/** A site of the lab. */
export type SiteName = (typeof siteNames)[number]

/** Where the hosts of the lab have the files that their configurations name. */
export const places = {
  config: '/etc/causeway/causeway.yaml',
  socket: '/run/causeway/causeway.sock',
  token: '/etc/causeway/token',
  sshKey: '/etc/causeway/id_ed25519',
  cacheConfig: '/etc/causeway/cache.yaml',
  cacheLog: '/var/log/causeway/cache-access.jsonl',
  image: '/var/lib/causeway/images/base',
} as const

/** Every node of the lab is this large. */
export const nodeSize = { cpus: 2, memoryMiB: 1500 } as const

/** The lower, the more preferred; also the third number of a site's addresses. */
export const siteOrder: Readonly<Record<SiteName, number>> = { east: 1, west: 2 }

/** The head's address in the cluster's segment. */
const headAddress = '10.77.0.1'

const vni = 77

/** Where the caches listen. */
export const cachePort = 3128

/** The nodes of one type in the lab's configuration; as in any file, more than these keys may be set. */
export interface LabNodes {
  minimum: number
  maximum: number
  idle: string
  cpus: number
  memory: string
  order?: number
  spare?: number
  lifetime?: string
  billing?: string
  cost?: number
}

/** The policy in the lab's configuration, with the rules that it does not have unless somebody adds them. */
export interface LabPolicy {
  deadlines: { create: string; boot: string; install: string; enrol: string }
  grace: { unreachable: string; orphan: string }
  breaker: { failures: number; cooldown: string }
  timezone?: string
  currency?: string
  caps?: object[]
  budgets?: object[]
  windows?: object[]
}

/** The controller's configuration in the lab, to be changed before it is written. */
export type LabConfig = ReturnType<typeof labConfig>

/** Gives a site node types in place of its `nodes`; each has 16 addresses of the site's pool, in the order given. */
export function giveTypes(config: LabConfig, name: SiteName, types: Readonly<Record<string, LabNodes>>): void {
  const { nodes: _nodes, pool, ...rest } = config.sites[name]
  const [first = ''] = pool.split('.0/')
  const withPools = Object.entries(types).map(([type, nodes], index) => {
    return [type, { ...nodes, pool: `${first}.${index * 16}/28` }] as const
  })
  // A site has one or the other; everybody else of the lab deals with `nodes` only.
  Object.assign(config.sites, { [name]: { ...rest, types: Object.fromEntries(withPools) } })
}

/** The configuration's part about the queue; a lab without one has Slurm's, which a controller will not find. */
function schedulerConfig(scheduler: LabScheduler) {
  if (scheduler === 'sge') {
    return { kind: 'sge', root: sgeRoot as string, cell: sgeCell as string, port: sgePort, execdPort: sgeExecdPort }
  }
  const slurm = { kind: 'slurm', conf: slurmConfPath as string, mungeKeyFile: '/etc/munge/munge.key', port: 6817 }
  return scheduler === 'slurm-dynamic' ? { ...slurm, nodes: 'dynamic' } : slurm
}

/** The group of the scheduler's own user, whose hooks talk to the controller. */
function schedulerGroup(scheduler: LabScheduler): string {
  return scheduler === 'sge' ? 'sgeadmin' : 'slurm'
}

/**
 * @param hostKeys the sites' public host keys
 * @param maximum most nodes at each site
 * @param scheduler what is on the head
 */
export function labConfig(
  hostKeys: Readonly<Record<SiteName, string>>,
  maximum: Readonly<Record<SiteName, number>>,
  scheduler: LabScheduler = 'slurm',
) {
  const site = (name: SiteName) => ({
    order: siteOrder[name],
    nodes: {
      minimum: 0,
      maximum: maximum[name],
      idle: '20s',
      cpus: nodeSize.cpus,
      memory: `${nodeSize.memoryMiB}MiB`,
    } as LabNodes,
    pool: `10.77.${siteOrder[name]}.0/24`,
    gateway: {
      underlay: underlayAddress(name),
      address: `10.77.${siteOrder[name]}.254`,
      ssh: {
        address: underlayAddress(name),
        port: 22,
        user: 'root',
        keyFile: places.sshKey as string,
        hostKey: hostKeys[name],
      },
    },
    cache: { port: cachePort, origins: [underlayAddress('mirror')] },
    driver: { kind: 'namespace', image: places.image as string, shared: ['/home'] },
  })
  return {
    cluster: {
      name: 'lab',
      vni,
      subnet: '10.77.0.0/16',
      underlayMtu: 1500,
      hosts: { 'mirror.lab': underlayAddress('mirror') },
    },
    head: { name: 'head', address: headAddress, underlay: underlayAddress('head') },
    scheduler: schedulerConfig(scheduler),
    controller: {
      stateDir: '/var/lib/causeway',
      socket: places.socket as string,
      socketGroup: schedulerGroup(scheduler),
      listen: `${headAddress}:8470`,
      tokenFile: places.token as string,
      poll: '15s',
      logLevel: 'info',
    },
    sites: { east: site('east'), west: site('west') },
    policy: {
      deadlines: { create: '30s', boot: '60s', install: '3m', enrol: '1m' },
      grace: { unreachable: '10m', orphan: '10m' },
      breaker: { failures: 2, cooldown: '5m' },
    } as LabPolicy,
  }
}

/** The configuration of the package cache on every gateway. */
export function cacheConfig() {
  return {
    listen: `0.0.0.0:${cachePort}`,
    store: '/var/lib/causeway/cache',
    accessLog: places.cacheLog as string,
    origins: { 'mirror.lab': { address: underlayAddress('mirror') } },
    heartbeat: { table: `causeway_${vni}`, set: 'cache_alive', port: 80, hold: '2s' },
  }
}

/** As the text of a configuration file. */
export function yaml(config: object): string {
  return stringify(config, { lineWidth: 0 })
}
