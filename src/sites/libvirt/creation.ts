import { CausewayError, type ErrorCode, toCausewayError } from '../../base/errors.ts'
import type { LibvirtConfig } from '../../config/drivers/libvirt.ts'
import type { Pending } from '../batcher.ts'
import type { Machine, MachineSpec } from '../driver.ts'
import { hostImageFolder, imageFile, readImageReference } from '../images/image-name.ts'
import type { ImageSource } from '../images/image-source.ts'
import { type Coming, type Decision, decide, type Knowledge, machineOf, type Reading } from './decide.ts'
import type { Inventory } from './inventory.ts'
import type { PoolHost } from './pool-host.ts'
import { type Answer, type CreateRequest, renderCreate } from './requests.ts'
import type { Whereabouts } from './whereabouts.ts'

/** What creating machines needs of the driver. */
export interface CreationParts {
  readonly site: string
  readonly config: LibvirtConfig
  /** Folder on the hosts that holds the machines. */
  readonly root: string
  readonly hosts: ReadonlyMap<string, PoolHost>
  readonly whereabouts: Whereabouts
  readonly imageSource: ImageSource | null
  readonly namesHosts: boolean
  /** Reads all hosts, and asks whether they have some files. */
  readonly read: (files: readonly string[]) => Promise<readonly Reading[]>
}

/** A machine that is wanted. */
interface Wanted extends Pending<MachineSpec, Machine> {
  /** Where its image lies on every host that has it. */
  readonly image: string
  /** Why hosts that were tried could not make it. */
  readonly failed: Map<string, CausewayError>
  /** Whether a host has said that it runs, though it was not seen there. */
  readonly isSaidToRun: boolean
}

/** A machine with the host that is to make it. */
interface Placed extends Wanted {
  readonly host: PoolHost
  readonly inventory: Inventory
  readonly clear: readonly string[]
}

/** Failures of a host after which another host may do better; nothing of the machine is left there. */
const hostsOwn: readonly ErrorCode[] = ['CommandFailed', 'InsufficientCapacity', 'ImageMissing']

/** Makes machines: looks at all hosts, decides for each machine, and has each host make all of its in one exchange. */
export class Creation {
  readonly #parts: CreationParts
  readonly #coming = new Map<string, Coming>()

  constructor(parts: CreationParts) {
    this.#parts = parts
  }

  /** Works on a batch, and settles each machine as soon as its outcome is known. */
  async make(batch: readonly Pending<MachineSpec, Machine>[]): Promise<void> {
    for (const { item } of batch) if (item.first) this.#parts.whereabouts.begun(item.id)
    const wanted = await Promise.all(
      batch.map(async (pending): Promise<Wanted[]> => {
        try {
          const image = await this.#pathOf(pending.item.image)
          return [{ ...pending, image, failed: new Map(), isSaidToRun: false }]
        } catch (error) {
          pending.reject(error)
          return []
        }
      }),
    )
    await this.#round(wanted.flat())
  }

  async #round(batch: readonly Wanted[]): Promise<void> {
    if (batch.length === 0) return
    const before = [...this.#coming.values()]
    const readings = await this.#parts.read([...new Set(batch.map(({ image }) => image))])
    // One that has arrived since a host was read is in no inventory: it still counts.
    const arrived = before.filter(({ id }) => !this.#coming.has(id))
    const placed = batch.flatMap((wanted) => {
      try {
        return this.#decided(wanted, this.#decide(wanted, readings, arrived), readings)
      } catch (error) {
        wanted.reject(error)
        return []
      }
    })
    // Each group goes on by itself: one that waits for its image keeps no other from trying another host.
    await Promise.all(groups(placed).map(async (group) => await this.#round(await this.#atHost(group))))
  }

  #decide({ item, image, failed }: Wanted, readings: readonly Reading[], arrived: readonly Coming[]): Decision {
    const { site, config, whereabouts, namesHosts, imageSource } = this.#parts
    const knowledge: Knowledge = {
      site,
      config,
      readings,
      whereabouts,
      namesHosts,
      coming: [...arrived, ...this.#coming.values()],
      image,
      canBring: imageSource !== null && !item.image.startsWith('/'),
    }
    return decide(item, failed, knowledge)
  }

  #decided(wanted: Wanted, decision: Decision, readings: readonly Reading[]): Placed[] {
    if (decision.do === 'return') wanted.resolve(decision.machine)
    if (decision.do === 'refuse') wanted.reject(decision.error)
    if (decision.do !== 'make') return []
    const host = this.#parts.hosts.get(decision.host)
    const inventory = readings.find((reading) => reading.host === decision.host)?.inventory
    if (!host || !inventory) throw new CausewayError('Internal', `${decision.host} was not read`)
    const { id } = wanted.item
    this.#coming.set(id, { id, host: host.name, need: decision.need })
    return [{ ...wanted, host, inventory, clear: decision.clear }]
  }

  /** Makes the machines of one image at one host; returns those that another host is to try. */
  async #atHost(group: readonly [Placed, ...Placed[]]): Promise<Wanted[]> {
    try {
      const [{ host, item, image, inventory }] = group
      const ready = await this.#cleared(group)
      if (!inventory.files.has(image)) await this.#parts.imageSource?.bring(host.host, item.image)
      return await this.#exchange(host, ready)
    } catch (error) {
      return this.#failAll(group, toCausewayError(error))
    } finally {
      for (const { item } of group) this.#coming.delete(item.id)
    }
  }

  /** Deletes what is left of machines elsewhere; those of which that fails are told so. */
  async #cleared(group: readonly Placed[]): Promise<Placed[]> {
    const outcomes = await Promise.all(
      group.map(async (placed) => {
        try {
          await Promise.all(placed.clear.map((host) => this.#clear(host, placed.item.id)))
          return placed
        } catch (error) {
          placed.reject(error)
          return []
        }
      }),
    )
    return outcomes.flat()
  }

  async #clear(host: string, id: string): Promise<void> {
    await this.#parts.hosts.get(host)?.delete(id, 'now')
    this.#parts.whereabouts.gone(host, id)
  }

  async #exchange(host: PoolHost, group: readonly Placed[]): Promise<Wanted[]> {
    const { whereabouts } = this.#parts
    const requests = group.flatMap((placed): { placed: Placed; request: CreateRequest }[] => {
      const request = this.#request(placed)
      try {
        renderCreate(request, this.#parts.config)
        return [{ placed, request }]
      } catch (error) {
        placed.reject(error) // one bad spec does not keep the others waiting
        return []
      }
    })
    if (requests.length === 0) return []
    for (const { placed } of requests) whereabouts.asked(host.name, placed.item.id)
    let answers: ReadonlyMap<string, Answer>
    try {
      answers = await host.create(requests.map(({ request }) => request))
    } catch (error) {
      for (const { placed } of requests) whereabouts.settled(host.name, placed.item.id, 'unknown')
      throw error
    }
    return requests.flatMap(({ placed, request }) => this.#answered(placed, request, answers.get(placed.item.id)))
  }

  #request({ item, image, inventory }: Placed): CreateRequest {
    const { config, root } = this.#parts
    const kvm = config.accelerator !== 'tcg' && inventory.withoutKvm === null
    const { arch, nowMs } = inventory
    const folder = `${root}/${item.id}`
    return { spec: item, image, place: { folder, arch, accelerator: kvm ? 'kvm' : 'tcg', createdAtMs: nowMs } }
  }

  #answered(placed: Placed, { place }: CreateRequest, answer: Answer | undefined): Wanted[] {
    const { whereabouts, namesHosts } = this.#parts
    const { item, host } = placed
    const isKnown = answer !== undefined && (answer.word !== 'failed' || hostsOwn.includes(answer.error.code))
    whereabouts.settled(host.name, item.id, isKnown ? 'answered' : 'unknown')
    if (answer?.word === 'ok') {
      const stamp = { id: item.id, name: item.name, cluster: item.cluster, createdAtMs: place.createdAtMs }
      placed.resolve(machineOf(stamp, { running: true }, namesHosts ? host.name : null))
      return []
    }
    // Someone else has made it since the host was read: the next look shows it.
    if (answer?.word === 'runs' && !placed.isSaidToRun) return [{ ...placed, isSaidToRun: true }]
    return this.#failAll([placed], answer?.word === 'failed' ? answer.error : host.noWord(item.id))
  }

  /** Another host is to try, where that can help; else the callers are told. */
  #failAll(group: readonly Placed[], error: CausewayError): Wanted[] {
    return group.flatMap((placed) => {
      if (hostsOwn.includes(error.code)) {
        placed.failed.set(placed.host.name, error)
        return [placed]
      }
      placed.reject(error)
      return []
    })
  }

  /** Where an image lies on each host that has it. */
  async #pathOf(image: string): Promise<string> {
    const { imageSource, site } = this.#parts
    if (imageSource) return await imageSource.pathOf(image)
    const reference = readImageReference(image)
    if (reference.kind === 'path') return reference.path
    if (reference.kind === 'digest') return `${hostImageFolder}/${imageFile(reference.digest)}`
    throw new CausewayError('ImageMissing', `${site}: nothing is known of images by name: give ${image} as a path`)
  }
}

/** Machines by host and image, and one group for each that has something to clear away first. */
function groups(placed: readonly Placed[]): [Placed, ...Placed[]][] {
  const found = new Map<string, [Placed, ...Placed[]]>()
  for (const one of placed) {
    const key = JSON.stringify([one.host.name, one.item.image, one.clear.length > 0 ? one.item.id : null])
    const group = found.get(key)
    if (group) group.push(one)
    else found.set(key, [one])
  }
  return [...found.values()]
}
