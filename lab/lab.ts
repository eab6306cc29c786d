import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CausewayError } from '../src/base/errors.ts'
import type { ExecResult } from '../src/base/host.ts'
import { alice, nameServiceFiles } from './accounts.ts'
import { type Assets, assets, lightImageFolder } from './assets.ts'
import type { Cable } from './cable.ts'
import { cleanUp, diskName, labFolder, leftovers } from './clean-up.ts'
import {
  type LabConfig,
  type LabMachines,
  type LabOverlay,
  type LabScheduler,
  labConfig,
  nodeSizes,
  places,
  type SiteName,
  siteNames,
  siteOrder,
  usualNodes,
  usualSites,
  withAnnex,
  yaml,
} from './config.ts'
import { cacheServes, causewayEnv, controllerServes, startCache, startController } from './daemons.ts'
import { type Bind, type LabExecOptions, LabHost, type LabProcess } from './host.ts'
import { startLibvirtd } from './libvirt.ts'
import { Mirror, mirrorFolder } from './mirror.ts'
import {
  addRouter,
  connect,
  disconnect,
  type FarHost,
  type HostName,
  hostNames,
  netnsOf,
  type Underlay,
  underlayAddress,
} from './network.ts'
import { disown, own, refuseIfOwned } from './owner.ts'
import { must } from './process.ts'
import type { LabSge } from './sge.ts'
import { startElasticSge } from './sge-head.ts'
import { type LabSlurm, slurmNodesPath, startSlurm } from './slurm.ts'
import { makeSshKey, type SshKey, startSshd } from './ssh.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))

/** A host of the lab that can have machines: a site's gateway, or the second host of east. */
export type MachineHost = SiteName | 'annex'

/** What a lab is to be like. */
export interface LabOptions {
  /** Labs with different names can be up at the same time; up to 12 lower-case letters and digits. */
  readonly name: string
  /** Its sites, always east and west among them. Default: these two. */
  readonly sites?: readonly SiteName[]
  /** Most nodes at each site. Default: east 2, west 4, south 2. */
  readonly nodes?: Readonly<Partial<Record<SiteName, number>>>
  /** How the sites are joined. Default: plain VXLAN over IPv4. */
  readonly overlay?: LabOverlay
  /** Whether the package caches run. Default true. */
  readonly caches?: boolean
  /** What runs on the head. Default `slurm`. */
  readonly scheduler?: LabScheduler
  /** What the sites' machines are. Default `namespace`. */
  readonly machines?: LabMachines
  /** Whether the site east has a second host for its virtual machines, `annex`. */
  readonly annex?: boolean
  /** Seconds until Slurm takes a node that does not answer for down. Default 60. */
  readonly slurmdTimeout?: number
  /** Folders of this machine that the sites see at /var/lib/causeway/images/NAME, by name; `base` and `light` are the lab's. */
  readonly images?: Readonly<Record<string, string>>
}

/**
 * The multi-site test bed on this machine: a head and the site `east` beside each other, the sites `west` and (if
 * asked for) `south` and a package mirror behind WAN cables of their own. Nothing of it is left after `down`, and `up` removes what an earlier run left.
 */
export class Lab {
  readonly name: string
  /** The sites that there are. */
  readonly sites: readonly SiteName[]
  /** Most nodes at each site. */
  readonly nodes: Readonly<Record<SiteName, number>>
  /** The hosts; those of sites that this lab does not have are switched off for ever. */
  readonly hosts: Readonly<Record<HostName, LabHost>>
  readonly mirror: Mirror
  /** The caches that were started last. */
  readonly caches: Partial<Record<SiteName, LabProcess>> = {}
  /** The controller that was started last. */
  controller: LabProcess | undefined
  /** What runs on the head. */
  readonly scheduler: LabScheduler
  /** How the sites are joined. */
  readonly overlay: LabOverlay
  /** What the sites' machines are. */
  readonly machineKind: LabMachines
  /** The libvirtds that were started last. */
  readonly libvirtds: Partial<Record<MachineHost, LabProcess>> = {}
  /** It, where it is Slurm. */
  slurm: LabSlurm | undefined
  /** It, where it is Grid Engine. */
  sge: LabSge | undefined
  readonly #cables = new Map<HostName, Cable>()
  readonly #keys = new Map<string, SshKey>()
  readonly #assets: Assets
  readonly #annex: boolean
  readonly #underlay: Underlay

  /**
   * Brings a lab up: network, hosts, sshd at the sites, the mirror, the caches, the scheduler, configuration files; not
   * the controller.
   * @throws CausewayError `Conflict` when a lab of this name is in use by another process.
   */
  static async up(options: LabOptions): Promise<Lab> {
    refuseIfOwned(options.name)
    const made = await assets()
    const light: Record<string, string> = options.machines === 'libvirt' ? { light: await lightImageFolder() } : {}
    await cleanUp(options.name)
    own(options.name)
    const lab = new Lab({ ...options, images: { ...options.images, ...light } }, made)
    try {
      await lab.#build(options)
    } catch (error) {
      await lab.down()
      throw error
    }
    return lab
  }

  /** Takes over a lab that another process left up. What that process started can't be stopped one by one from here. */
  static async open(name: string): Promise<Lab> {
    const pidFile = (host: HostName) => join(labFolder(name), `${host}.pid`)
    const sites = siteNames.filter((site) => existsSync(pidFile(site)))
    const lab = new Lab({ name, sites, annex: existsSync(pidFile('annex')) }, await assets())
    for (const host of lab.hostNames) lab.hosts[host].adopt(Number(readFileSync(pidFile(host), 'utf8')))
    return lab
  }

  private constructor(options: LabOptions, made: Assets) {
    this.name = options.name
    this.sites = options.sites ?? usualSites
    this.nodes = { ...usualNodes, ...options.nodes }
    this.scheduler = options.scheduler ?? 'slurm'
    this.machineKind = options.machines ?? 'namespace'
    this.overlay = options.overlay ?? {}
    this.#assets = made
    this.#annex = options.annex ?? false
    const { subnet6, underlay6 = false } = this.overlay
    this.#underlay = { lab: this.name, wandelay: made.wandelay, ipv6: underlay6 || subnet6 !== undefined }
    const hosts = hostNames.map((host): [HostName, LabHost] => [host, this.#host(host, options.images ?? {})])
    this.hosts = Object.fromEntries(hosts) as Record<HostName, LabHost>
    this.mirror = new Mirror(this.hosts.mirror)
  }

  /** The names of the hosts that there are. */
  get hostNames(): HostName[] {
    return ['head', ...this.#machineHosts, 'mirror']
  }

  get #machineHosts(): MachineHost[] {
    return this.#annex ? [...this.sites, 'annex'] : [...this.sites]
  }

  get head(): LabHost {
    return this.hosts.head
  }

  /** The WAN cable in front of a host. */
  wan(host: FarHost): Cable {
    const cable = this.#cables.get(host)
    if (!cable) throw new Error(`${host} is switched off`)
    return cable
  }

  /** Runs Causeway's command line on the head, as root or as `user`. */
  async causeway(argv: readonly string[], options: LabExecOptions = {}): Promise<ExecResult> {
    return this.head.exec([places.causeway, ...argv], { ...options, env: { ...causewayEnv, ...options.env } })
  }

  /** Runs a command on the head as the normal user, in her home. */
  async asAlice(argv: readonly string[], options: LabExecOptions = {}): Promise<ExecResult> {
    return this.head.exec(['env', '--chdir=/home/alice', '--', ...argv], { ...options, user: alice.name })
  }

  /** Writes the controller's configuration file; `change` may alter it first. A running controller does not notice. */
  configure(change: (config: LabConfig) => void = () => undefined): void {
    const hostKeys = Object.fromEntries(this.sites.map((site) => [site, this.#hostKey(site)]))
    const config = labConfig(hostKeys, this.nodes, this.scheduler, this.overlay, this.machineKind)
    if (this.#annex) config.sites.east.driver = withAnnex(config.sites.east.driver, 'east', this.#hostKey('annex'))
    change(config)
    this.head.write(places.config, { content: yaml(config) })
  }

  /**
   * Makes the nodes in the controller's configuration file known on the head, as an admin does after a change to them: puts
   * what `causeway hosts` prints into /etc/hosts, and for Slurm with cloud nodes writes what `causeway slurm-nodes` prints
   * and starts slurmctld again.
   */
  async declareNodes(): Promise<void> {
    await this.#nameNodes()
    if (this.slurm && this.scheduler === 'slurm') {
      this.head.write(slurmNodesPath, { content: await this.#printed('slurm-nodes') })
      await this.slurm.slurmctld.kill()
      await this.slurm.restart()
    }
  }

  /** A scheduler stands still for seconds when it calls a node whose name it can't resolve. */
  async #nameNodes(): Promise<void> {
    this.head.write('/etc/hosts', { content: `${this.#hostsOf('head')}${await this.#printed('hosts')}` })
  }

  /**
   * Starts the controller on the head; by default resolves when its socket answers.
   * @throws CausewayError `CommandFailed` with the end of its log when it ended at once; `CommandTimeout`.
   */
  async startController(options: { readonly wait?: boolean } = {}): Promise<LabProcess> {
    const daemon = await startController(this.head)
    this.controller = daemon
    if (options.wait ?? true) await controllerServes(daemon, this.head)
    return daemon
  }

  /**
   * Starts the package cache on a site's gateway and resolves when it serves.
   * @throws CausewayError as `startController`.
   */
  async startCache(site: SiteName): Promise<LabProcess> {
    const daemon = await startCache(this.hosts[site], this.#assets.image)
    this.caches[site] = daemon
    await cacheServes(daemon, this.hosts[site])
    return daemon
  }

  /** Starts a host's libvirtd, again where it was killed; resolves when it answers. */
  async startLibvirtd(host: MachineHost): Promise<LabProcess> {
    const daemon = await startLibvirtd(this.hosts[host])
    this.libvirtds[host] = daemon
    return daemon
  }

  /** A power cut at a site: its gateway and machines are gone from one moment to the next, files on its disk stay. */
  async powerOff(host: MachineHost): Promise<void> {
    await this.hosts[host].powerOff()
    await disconnect(this.name, host, this.#cables.get(host) ?? null)
    this.#cables.delete(host)
  }

  /** The end of a power cut: the host boots and starts what it had, a cache only if asked; no machine comes back. */
  async powerOn(host: MachineHost, options: { readonly cache?: boolean } = {}): Promise<void> {
    await this.#switchOn(host)
    await this.#startHost(host, options.cache ?? true)
  }

  /**
   * From now on the host shows another key, as one does that was set up anew, or that is somebody else's; connections that are
   * open break. The configuration keeps the first.
   */
  async changeHostKey(host: MachineHost): Promise<void> {
    this.#keys.set(host, await makeSshKey(this.#file(`${host}-again`)))
    await this.hosts[host].exec(['pkill', '--exact', 'sshd']) // it sees the host's own processes only
    await this.#startSshd(host)
  }

  /** Lets this process end while the lab stays up, free for `Lab.open` or to be replaced. */
  leave(): void {
    for (const cable of this.#cables.values()) cable.unref()
    disown(this.name)
  }

  /** Takes the whole lab down; nothing of it is left. */
  async down(): Promise<void> {
    await cleanUp(this.name)
  }

  /** What of the lab is on this machine, one line each; nothing after `down`. */
  async leftovers(): Promise<string[]> {
    return leftovers(this.name)
  }

  /** The machines that the sites still hold, as `HOST/ID`; to be asked while the lab is up. */
  machines(): string[] {
    return this.#machineHosts.flatMap((host) => {
      const entries = (folder: string) => entriesOf(this.hosts[host].path(folder))
      const ids = [
        ...entries('/var/lib/causeway/machines').filter((entry) => !entry.startsWith('.')),
        // A domain may be left of a machine whose folder is gone; its name is that of the node, a dot, and the id.
        ...entries('/etc/libvirt/qemu').flatMap((entry) => /^[^.]+\.(.+)\.xml$/.exec(entry)?.[1] ?? []),
      ]
      return [...new Set(ids)].map((id) => `${host}/${id}`)
    })
  }

  async #build(options: LabOptions): Promise<void> {
    const disk = this.#file('disk')
    mkdirSync(disk)
    await must(['mount', '-t', 'tmpfs', '-o', 'mode=0755', diskName(this.name), disk])
    mkdirSync(join(disk, 'home', alice.name), { recursive: true })
    chownSync(join(disk, 'home', alice.name), alice.uid, alice.gid)
    await addRouter(this.#underlay)
    await Promise.all([
      ...this.hostNames.map((host) => this.#switchOn(host)),
      ...['controller', ...this.#machineHosts].map(async (who) =>
        this.#keys.set(who, await makeSshKey(this.#file(who))),
      ),
    ])
    this.head.write(places.sshKey, { content: this.#keys.get('controller')?.privateKey ?? '', mode: 0o600 })
    this.head.write(places.token, { content: `${randomBytes(24).toString('hex')}\n`, mode: 0o600 })
    this.configure()
    await Promise.all([
      this.mirror.start(),
      ...this.#machineHosts.map((host) => this.#startHost(host, options.caches ?? true)),
      this.#startScheduler(options),
    ])
  }

  async #switchOn(name: HostName): Promise<void> {
    const cable = await connect(this.#underlay, name)
    if (cable) this.#cables.set(name, cable)
    await this.hosts[name].powerOn()
    writeFileSync(this.#file(`${name}.pid`), String(this.hosts[name].pid))
  }

  async #startHost(host: MachineHost, cache: boolean): Promise<void> {
    await Promise.all([
      this.#startSshd(host),
      cache && host !== 'annex' ? this.startCache(host) : undefined,
      this.machineKind === 'libvirt' ? this.startLibvirtd(host) : undefined,
    ])
  }

  async #startSshd(host: MachineHost): Promise<void> {
    const hostKey = this.#keys.get(host)
    const controllerKey = this.#keys.get('controller')
    if (!hostKey || !controllerKey) throw new Error('keys are made before hosts start')
    await startSshd(this.hosts[host], hostKey, [controllerKey.publicKey])
  }

  /** The key that a host's sshd shows, as in a .pub file. */
  #hostKey(host: MachineHost): string {
    return this.#keys.get(host)?.publicKey ?? ''
  }

  async #startScheduler({ slurmdTimeout = 60 }: LabOptions): Promise<void> {
    switch (this.scheduler) {
      case 'slurm':
      case 'slurm-dynamic': {
        const sites = this.sites.map((name) => ({
          name,
          maximum: this.nodes[name],
          ...nodeSizes[this.machineKind],
          order: siteOrder[name],
        }))
        const dynamic = this.scheduler === 'slurm-dynamic'
        await this.#nameNodes()
        this.slurm = await startSlurm(this.head, { cluster: 'lab', sites, dynamic, oneSite: !dynamic, slurmdTimeout })
        break
      }
      case 'sge':
        await this.#nameNodes()
        this.sge = await startElasticSge(this.head)
        break
      case 'none':
    }
  }

  /** What a command of ours prints on the head. */
  async #printed(command: string): Promise<string> {
    const { code, stdout, stderr } = await this.causeway([command])
    if (code !== 0) throw new CausewayError('CommandFailed', `causeway ${command} ended with ${code}: ${stderr}`)
    return stdout
  }

  /** A host's /etc/hosts. Grid Engine takes the head's name for what it is only at an address that others see too. */
  #hostsOf(name: HostName): string {
    const address = name === 'head' && this.scheduler === 'sge' ? underlayAddress(name) : '127.0.1.1'
    return `127.0.0.1 localhost\n${address} ${name}\n`
  }

  #host(name: HostName, images: Readonly<Record<string, string>>): LabHost {
    const folder = (target: string, source: string, writable = false): Bind => ({ source, target, writable })
    const home = folder('/home', this.#file('disk/home'), true)
    const ours = [folder('/opt/causeway', repository), folder('/opt/node', dirname(process.execPath))]
    const image = folder(places.image, this.#assets.image)
    const more = Object.entries(images).map(([image, source]) => folder(join(places.images, image), source))
    const site = [...ours, home, image, ...more]
    const mirror = [folder(mirrorFolder, this.#assets.mirror)]
    const binds = { head: [...ours, home], east: site, annex: site, west: site, south: site, mirror }
    return new LabHost({
      name,
      netns: netnsOf(this.name, name),
      folder: this.#file(`disk/${name}`),
      binds: binds[name],
      files: { ...nameServiceFiles({}), '/etc/hosts': { content: this.#hostsOf(name) } },
    })
  }

  #file(path: string): string {
    return join(labFolder(this.name), path)
  }
}

/** What is in a folder, which may not be there. */
function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
