import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import type { SshTarget } from '../src/sites/ssh-connection.ts'
import { nameServiceFiles } from './accounts.ts'
import { cleanUp, diskName, labFolder, leftovers } from './clean-up.ts'
import { type Bind, LabHost, type LabProcess } from './host.ts'
import { own, refuseIfOwned } from './owner.ts'
import { must } from './process.ts'
import { configureSshd, hostKeyPath, makeSshKey, type SshKey } from './ssh.ts'
import { SshDoor } from './ssh-door.ts'
import { until } from './until.ts'

/**
 * What libvirt's QEMU driver must not try here: a lab host has no security module, no systemd, and no cgroups or device
 * nodes of its own.
 */
const qemuConf = [
  'user = "root"',
  'group = "root"',
  'dynamic_ownership = 0',
  'remember_owner = 0',
  'security_driver = "none"',
  'namespaces = []',
  'cgroup_controllers = []',
  'stdio_handler = "file"', // else each machine needs virtlogd
  '',
].join('\n')

/**
 * Starts libvirtd on a lab host, or starts it again; resolves when `virsh` is answered. Domains defined earlier are
 * there again, also after a power cut; machines that ran while only libvirtd was dead go on running.
 */
export async function startLibvirtd(host: LabHost): Promise<LabProcess> {
  host.write('/etc/libvirt/qemu.conf', { content: qemuConf })
  // Looked up before qemu.conf is read; on Debian libvirt-daemon-system makes it, with much else that no lab host can use.
  addAccount(host, '/etc/group', 'libvirt-qemu:x:64055:')
  addAccount(host, '/etc/passwd', 'libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin')
  const conf = '/etc/libvirt/libvirtd.conf'
  if (!existsSync(host.path(conf))) {
    // Lab hosts share this machine's own UUID, which libvirt would take for theirs.
    const lines = ['auth_unix_rw = "none"', 'unix_sock_rw_perms = "0700"', `host_uuid = "${randomUUID()}"`]
    host.write(conf, { content: `${lines.join('\n')}\n` })
  }
  const libvirtd = await host.start(['/usr/sbin/libvirtd', '-f', conf])
  await until(`${host.name}: libvirtd answers`, 120_000, async () => {
    if (libvirtd.status !== undefined) {
      const said = host.read('/var/log/causeway/libvirtd.log').slice(-2000)
      throw new Error(`${host.name}: libvirtd ended with status ${libvirtd.status}: ${said}`)
    }
    return (await host.exec(['virsh', '--connect', 'qemu:///system', 'uri'])).code === 0
  })
  return libvirtd
}

function addAccount(host: LabHost, file: string, line: string): void {
  const present = host.read(file)
  const name = line.slice(0, line.indexOf(':') + 1)
  if (!present.split('\n').some((other) => other.startsWith(name))) host.write(file, { content: `${present}${line}\n` })
}

/** What a site of its own is made of. */
export interface LibvirtSiteOptions {
  /** As a lab's: up to 12 lower-case letters and digits, another one for each test file. */
  readonly name: string
  /** Names of its hosts. Default: one, `h1`. */
  readonly hosts?: readonly string[]
  /** Folders of this machine that every host sees too, such as one with images. */
  readonly binds?: readonly Bind[]
}

/**
 * Hypervisor hosts for tests of a driver, without the rest of a lab: each has its own namespaces, libvirtd, bridge, and
 * an sshd that this process reaches by `ssh` at a door on 127.0.0.1. Nothing else leads in or out. Nothing of it is left
 * after `down`, and `up` removes what an earlier run of this name left.
 */
export class LibvirtSite {
  readonly name: string
  readonly hosts: ReadonlyMap<string, LibvirtHost>

  /** @throws CausewayError `Conflict` when a site or lab of this name is in use by another process. */
  static async up(options: LibvirtSiteOptions): Promise<LibvirtSite> {
    const { name, hosts = ['h1'] } = options
    refuseIfOwned(name)
    await cleanUp(name)
    own(name)
    const site = new LibvirtSite(name, hosts, options.binds ?? [])
    try {
      const disk = `${labFolder(name)}/disk`
      mkdirSync(disk)
      await must(['mount', '-t', 'tmpfs', '-o', 'mode=0755', diskName(name), disk])
      await Promise.all([...site.hosts.values()].map((host) => host.build()))
      return site
    } catch (error) {
      await site.down()
      throw error
    }
  }

  private constructor(name: string, hosts: readonly string[], binds: readonly Bind[]) {
    this.name = name
    this.hosts = new Map(hosts.map((host) => [host, new LibvirtHost(name, host, binds)]))
  }

  /** A host of the site. */
  host(name = 'h1'): LibvirtHost {
    const found = this.hosts.get(name)
    if (!found) throw new Error(`the site ${this.name} has no host ${name}`)
    return found
  }

  /** Takes it all down. */
  async down(): Promise<void> {
    await Promise.all([...this.hosts.values()].map(async (host) => host.door?.close()))
    await cleanUp(this.name)
  }

  /** What of it is on this machine, one line each; nothing after `down`. */
  leftovers(): Promise<string[]> {
    return leftovers(this.name)
  }
}

/** A hypervisor host of a `LibvirtSite`. */
export class LibvirtHost {
  readonly name: string
  /** The host itself: `exec` runs commands there without SSH, `path` leads to its files. */
  readonly machine: LabHost
  /** Its bridge, where machines' ports belong. Its network namespace has it from the start, and keeps it over a power cut. */
  readonly bridge = 'cw77'
  /** The way in over SSH, which can be cut. */
  door: SshDoor | undefined
  /** The libvirtd that was started last. */
  libvirtd: LabProcess | undefined
  readonly #lab: string
  #ssh: SshTarget | undefined
  #clientKey = ''

  constructor(lab: string, name: string, binds: readonly Bind[]) {
    this.name = name
    this.#lab = lab
    this.machine = new LabHost({
      name,
      netns: `cw-${lab}-${name}`,
      folder: `${labFolder(lab)}/disk/${name}`,
      binds,
      files: nameServiceFiles({ '127.0.1.1': name }),
    })
  }

  /** Where and how it is reached over SSH. */
  get ssh(): SshTarget {
    if (!this.#ssh) throw new Error(`${this.name} has not been built`)
    return this.#ssh
  }

  /** For `LibvirtSite.up` only. */
  async build(): Promise<void> {
    const { netns } = this.machine
    await must(['ip', 'netns', 'add', netns])
    const lines = ['link set lo up', `link add ${this.bridge} mtu 1450 type bridge forward_delay 0`]
    await must(['ip', '-n', netns, '-batch', '-'], { stdin: `${lines.join('\n')}\nlink set ${this.bridge} up\n` })
    const file = (what: string) => `${labFolder(this.#lab)}/${this.name}-${what}`
    const [hostKey, clientKey] = await Promise.all([makeSshKey(file('host')), makeSshKey(file('client'))])
    await this.machine.powerOn()
    this.#clientKey = clientKey.publicKey
    configureSshd(this.machine, hostKey, [this.#clientKey])
    this.door = await SshDoor.open(this.machine)
    this.#ssh = {
      name: this.name,
      address: '127.0.0.1',
      port: this.door.port,
      user: 'root',
      keyFile: file('client'),
      hostKey: hostKey.publicKey,
    }
    this.libvirtd = await startLibvirtd(this.machine)
  }

  /** A power cut: libvirtd, machines and SSH sessions end at once; files stay. */
  async powerOff(): Promise<void> {
    await this.machine.powerOff()
  }

  /** The end of a power cut: SSH and libvirtd are back, no machine runs. */
  async powerOn(): Promise<void> {
    await this.machine.powerOn()
    this.libvirtd = await startLibvirtd(this.machine)
  }

  /**
   * From now on the host shows another key, as one does that was set up anew, or that is somebody else's; `ssh` keeps the
   * first.
   * @returns brings the first one back
   */
  async changeHostKey(): Promise<() => void> {
    const show = (key: SshKey) => configureSshd(this.machine, key, [this.#clientKey])
    const first = { privateKey: this.machine.read(hostKeyPath), publicKey: this.ssh.hostKey }
    show(await makeSshKey(`${labFolder(this.#lab)}/${this.name}-${randomUUID()}`))
    return () => show(first)
  }

  /** Starts libvirtd again after it was killed. */
  async restartLibvirtd(): Promise<void> {
    this.libvirtd = await startLibvirtd(this.machine)
  }
}
