import { CausewayError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { HostScript } from '../base/host-script.ts'
import type { Capacity, Driver, Listing, Machine, MachineSpec } from './driver.ts'
import { checkId } from './machine-fields.ts'
import { type MachineSurroundings, parseMachines, parseRoom, renderMachineRequest } from './machine-request.ts'

/** How a `NamespaceDriver` makes its machines. */
export interface NamespaceDriverOptions extends Partial<MachineSurroundings> {
  readonly site: string
  /** The site host. */
  readonly host: Host
  /** `list` shows the machines of this cluster. */
  readonly cluster: string
  /** Folder on the site host that holds the machines. Its file system must be able to carry overlayfs layers. */
  readonly root?: string
  /** Folder on the site host for the script that does the work there. */
  readonly bin?: string
}

/**
 * Light machines at a site host: Linux namespaces, an overlayfs root over an image folder, one veth to the bridge. They
 * start in tens of milliseconds, share the host's kernel, and are no security boundary against root inside; `cpus` and
 * `memoryMiB` are not enforced. The image needs bash, coreutils, mount and whatever the seed's `boot` calls.
 */
export class NamespaceDriver implements Driver {
  readonly site: string
  readonly #cluster: string
  readonly #root: string
  readonly #surroundings: MachineSurroundings
  readonly #helper: HostScript

  constructor(options: NamespaceDriverOptions) {
    this.site = options.site
    this.#cluster = options.cluster
    this.#root = options.root ?? '/var/lib/causeway/machines'
    this.#surroundings = { shared: options.shared ?? [], reserveMiB: options.reserveMiB ?? 256 }
    this.#helper = new HostScript(options.host, 'scripts/site/causeway-machine', options.bin)
  }

  async list(): Promise<Listing> {
    return { machines: parseMachines(await this.#helper.call([this.#root, 'list', this.#cluster])), unread: [] }
  }

  async create(spec: MachineSpec): Promise<Machine> {
    if (spec.avoidHosts.includes(this.site)) {
      const known = (await this.list()).machines.find(({ id, state }) => id === spec.id && state === 'running')
      if (known) return known
      throw new CausewayError('InsufficientCapacity', `${this.site}: its only host takes no machines now`)
    }
    const request = renderMachineRequest(spec, this.#surroundings)
    const [machine] = parseMachines(await this.#helper.call([this.#root, 'create', spec.id], request))
    if (machine?.id === spec.id) return machine
    throw new CausewayError('MalformedOutput', `${this.site}: no word of the new machine ${spec.id}`)
  }

  async delete(id: string): Promise<void> {
    await this.#helper.call([this.#root, 'delete', checkId(id)])
  }

  async console(id: string): Promise<string> {
    return await this.#helper.call([this.#root, 'console', checkId(id)])
  }

  async capacity(): Promise<Capacity> {
    const room = parseRoom(await this.#helper.call([this.#root, 'capacity', this.#cluster]))
    return { hosts: [{ host: this.site, closed: null, ...room }], offers: [], machinesLeft: null }
  }

  /** The host is its owner's to close. */
  close(): Promise<void> {
    return Promise.resolve()
  }
}
