import { join } from 'node:path'
import { stringify } from 'yaml'
import { imageOrigin } from '../src/config/images-schema.ts'
import { lightImage } from './assets.ts'
import { underlayAddress, underlayAddress6 } from './network.ts'
import { sgeCell, sgeExecdPort, sgePort, sgeRoot } from './sge.ts'
import { slurmConfPath } from './slurm.ts'

/** The sites that a lab can have, nearest first. */
export const siteNames = ['east', 'west', 'south'] as const

/** The batch queues that a lab can have on its head: Slurm with cloud or dynamic nodes, Grid Engine, none. */
export const labSchedulers = ['slurm', 'slurm-dynamic', 'sge', 'none'] as const

/** One of them. */
export type LabScheduler = (typeof labSchedulers)[number]

/** A site of the lab. */
export type SiteName = (typeof siteNames)[number]

/** The sites that a lab has where nobody asks for others. */
export const usualSites: readonly SiteName[] = ['east', 'west']

/** The most nodes at each site where nobody says otherwise. */
export const usualNodes: Readonly<Record<SiteName, number>> = { east: 2, west: 4, south: 2 }

/** What the sites' machines can be: light ones out of namespaces, or virtual machines by libvirt that boot the light image. */
export const labMachines = ['namespace', 'libvirt'] as const

/** One of them. */
export type LabMachines = (typeof labMachines)[number]

/** Where the hosts of the lab have the files that their configurations name. */
export const places = {
  config: '/etc/causeway/causeway.yaml',
  socket: '/run/causeway/causeway.sock',
  token: '/etc/causeway/token',
  sshKey: '/etc/causeway/id_ed25519',
  causeway: '/opt/causeway/bin/causeway',
  cacheConfig: '/etc/causeway/cache.yaml',
  cacheLog: '/var/log/causeway/cache-access.jsonl',
  images: '/var/lib/causeway/images',
  image: '/var/lib/causeway/images/base',
  lightImage: '/var/lib/causeway/images/light',
} as const

/** Every node of a lab with these machines is this large. */
export const nodeSizes: Readonly<Record<LabMachines, { readonly cpus: number; readonly memoryMiB: number }>> = {
  namespace: { cpus: 2, memoryMiB: 1500 },
  libvirt: { cpus: 1, memoryMiB: 192 },
}

/** The lower, the more preferred; also the third number of a site's addresses. */
export const siteOrder: Readonly<Record<SiteName, number>> = { east: 1, west: 2, south: 3 }

/** The head's address in the cluster's segment. */
const headAddress = '10.77.0.1'

const vni = 77

/** Where the caches listen. */
export const cachePort = 3128

/** Where a head whose sites have virtual machines serves their images. */
export const imagePort = 8471

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
  grace: { unreachable: string; orphan: string; reuse?: string }
  breaker: { failures: number; cooldown: string }
  paths?: { loss?: number; rtt?: string }
  timezone?: string
  currency?: string
  caps?: object[]
  budgets?: object[]
  windows?: object[]
}

/** How the lab's sites are joined: `cluster.overlay` of the configuration, and what goes with it. */
export interface LabOverlay {
  readonly mode?: 'static' | 'evpn'
  readonly evpn?: { readonly asn?: number; readonly reflectors?: readonly string[] }
  readonly flood?: 'nothing' | 'broadcast' | 'all'
  readonly storm?: number
  readonly encryption?: { readonly kind: 'wireguard'; readonly [key: string]: string | number }
  readonly services?: { readonly zone?: string; readonly forwarders?: readonly string[] }
  /** The members' IPv6 subnet; hosts of such a lab have IPv6. */
  readonly subnet6?: string
  /** The gateways reach each other at IPv6 addresses. */
  readonly underlay6?: boolean
}

/** The controller's configuration in the lab, to be changed before it is written. */
export type LabConfig = ReturnType<typeof labConfig>

/** Gives a site node types in place of its `nodes`; each has 16 addresses of the site's pool, in the order given. */
export function giveTypes(config: LabConfig, name: SiteName, types: Readonly<Record<string, LabNodes>>): void {
  const site = config.sites[name]
  if (!site) throw new Error(`this lab has no site ${name}`)
  const { nodes: _nodes, pool, ...rest } = site
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

/** A site in the lab's configuration. */
type LabSite = ReturnType<typeof siteConfig>

function siteConfig(name: SiteName, hostKey: string, maximum: number, machines: LabMachines, overlay: LabOverlay) {
  const { cpus, memoryMiB } = nodeSizes[machines]
  return {
    order: siteOrder[name],
    nodes: {
      minimum: 0,
      maximum,
      idle: '20s',
      cpus,
      memory: `${memoryMiB}MiB`,
    } as LabNodes,
    pool: `10.77.${siteOrder[name]}.0/24`,
    gateway: {
      underlay: gatewayAddress(name, overlay),
      address: `10.77.${siteOrder[name]}.254`,
      ssh: {
        address: underlayAddress(name),
        port: 22,
        user: 'root',
        keyFile: places.sshKey as string,
        hostKey,
      },
    },
    cache: {
      port: cachePort,
      origins: [underlayAddress('mirror')],
      warm: [] as string[],
      config: places.cacheConfig as string,
      program: places.causeway as string,
    },
    driver: driverConfigs[machines],
  }
}

/** The configuration of a site's libvirt with two hosts: the gateway and the lab's annex. */
export function withAnnex(driver: LabDriver, gateway: SiteName, hostKey: string): LabDriver {
  const underlay = underlayAddress('annex')
  const ssh = { address: underlay, port: 22, user: 'root', keyFile: places.sshKey, hostKey }
  const address = `10.77.${siteOrder[gateway]}.253`
  return { ...driver, hosts: { [gateway]: { gateway: true }, annex: { ssh, underlay, address } } }
}

/** What makes a site's machines: the configuration of a driver of any kind. */
export interface LabDriver {
  readonly kind: string
  readonly [setting: string]: unknown
}

const driverConfigs: Readonly<Record<LabMachines, LabDriver>> = {
  namespace: { kind: 'namespace', image: places.image, shared: ['/home'] },
  libvirt: {
    kind: 'libvirt',
    image: join(places.lightImage, lightImage.disk),
    firmware: 'kernel',
    kernel: {
      kernel: join(places.lightImage, lightImage.kernel),
      initrd: join(places.lightImage, lightImage.initrd),
      cmdline: 'quiet mitigations=off',
    },
    // Whether KVM works need not be tried in every lab.
    accelerator: 'tcg',
    // Virtual machines wait most of the time, and what they use is taken from this machine, which others use too.
    cpuOvercommit: 16,
    reserve: { memory: '256MiB', disk: '256MiB' },
  },
}

/** Where the other gateways reach this one. */
function gatewayAddress(host: SiteName | 'head', { underlay6 = false }: LabOverlay): string {
  return underlay6 ? underlayAddress6(host) : underlayAddress(host)
}

/**
 * @param hostKeys the public host keys of the sites that there are
 * @param maximum most nodes at each site
 * @param scheduler what is on the head
 * @param overlay how the sites are joined
 * @param machines what the sites' machines are
 */
export function labConfig(
  hostKeys: Readonly<Partial<Record<SiteName, string>>>,
  maximum: Readonly<Partial<Record<SiteName, number>>>,
  scheduler: LabScheduler = 'slurm',
  overlay: LabOverlay = {},
  machines: LabMachines = 'namespace',
) {
  const { subnet6, underlay6: _underlay6, ...joined } = overlay
  const sites = Object.fromEntries(
    siteNames.flatMap((name) => {
      const hostKey = hostKeys[name]
      return hostKey === undefined
        ? []
        : [[name, siteConfig(name, hostKey, maximum[name] ?? usualNodes[name], machines, overlay)]]
    }),
  ) as Record<'east' | 'west', LabSite> & { south?: LabSite }
  return {
    cluster: {
      name: 'lab',
      vni,
      subnet: '10.77.0.0/16',
      ...(subnet6 === undefined ? {} : { subnet6 }),
      underlayMtu: 1500,
      overlay: joined,
      hosts: { 'mirror.lab': underlayAddress('mirror') },
    },
    head: { name: 'head', address: headAddress, underlay: gatewayAddress('head', overlay) },
    ...(machines === 'libvirt' ? { images: { listen: `${underlayAddress('head')}:${imagePort}` } } : {}),
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
    sites,
    policy: {
      deadlines: { create: '30s', boot: machines === 'libvirt' ? '3m' : '60s', install: '3m', enrol: '1m' },
      grace: { unreachable: '10m', orphan: '10m' },
      breaker: { failures: 2, cooldown: '5m' },
    } as LabPolicy,
  }
}

/** What nodes install to join the queue, by the role of the cache's configuration. */
const rolePackages: Readonly<Record<string, readonly string[]>> = {
  slurm: ['slurmd', 'munge', 'slurm-wlm-basic-plugins', 'slurm-client'],
  sge: ['gridengine-exec', 'gridengine-client', 'msmtp-mta'],
}

/**
 * The configuration of the package cache on every gateway.
 * @param installed the packages that the nodes' image has
 */
export function cacheConfig(installed: readonly string[] = []) {
  const role = (packages: readonly string[]) => ({
    repository: 'http://mirror.lab/debian',
    suites: ['bookworm'],
    packages,
    installed,
  })
  return {
    listen: `0.0.0.0:${cachePort}`,
    store: '/var/lib/causeway/cache',
    accessLog: places.cacheLog as string,
    origins: {
      'mirror.lab': { address: underlayAddress('mirror') },
      [imageOrigin]: { address: underlayAddress('head'), port: imagePort },
    },
    roles: Object.fromEntries(Object.entries(rolePackages).map(([name, packages]) => [name, role(packages)])),
    heartbeat: { table: `causeway_${vni}`, set: 'cache_alive', port: 80, hold: '2s' },
  }
}

/** As the text of a configuration file. */
export function yaml(config: object): string {
  return stringify(config, { lineWidth: 0 })
}
