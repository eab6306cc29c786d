import { parseString } from 'xml2js'
import { CausewayError } from '../../base/errors.ts'
import { uuidOf, uuidPrefix } from './identity.ts'

/** What a hypervisor host has, and what runs on it, as it was read in one exchange. */
export interface Inventory {
  /** The host's clock, ms since the epoch. */
  readonly nowMs: number
  /** Another one after each boot. */
  readonly bootId: string
  readonly arch: string
  readonly cpus: number
  readonly memoryMiB: number
  /** What its kernel could give to processes now. */
  readonly availableMiB: number
  /** Free space where machines are kept. */
  readonly diskMiB: number
  /** Huge pages that are neither used nor promised, by their size in KiB. */
  readonly hugePages: ReadonlyMap<number, number>
  /** Why KVM does not work here; null: it does. `not tried` where nobody asked. */
  readonly withoutKvm: string | null
  /** Those of the files asked for that it has. */
  readonly files: ReadonlySet<string>
  /** All domains of the host, also foreign ones, and folders of machines that have no domain. */
  readonly domains: readonly Domain[]
}

/** A domain at a host. */
export interface Domain {
  /** What it is stamped with; null: it is not one of ours. */
  readonly stamp: Stamp | null
  /** Whether it holds memory and CPUs, also while it is paused. */
  readonly active: boolean
  /** Whether it runs, or is about to. */
  readonly running: boolean
  readonly cpus: number
  readonly memoryMiB: number
  /** Whether its memory is said to come from huge pages, which common memory has no part in. */
  readonly hugePages: boolean
  /** How much memory its process has now, where libvirt tells; else 0. */
  readonly residentMiB: number
}

/** What is read of a domain's metadata. */
interface Metadata {
  readonly stamp: Stamp
  readonly hugePages: boolean
}

/** What says on the machine itself which machine it is. */
export interface Stamp {
  readonly id: string
  readonly name: string
  readonly cluster: string
  readonly createdAtMs: number
}

/**
 * Reads what `scripts/site/causeway-libvirt inventory` printed: facts of the host, one a line, then what `virsh` answered
 * to `list --all --uuid --name`, `metadata` and `domstats --raw --state --balloon --vcpu`.
 * @throws CausewayError `MalformedOutput`
 */
export function parseInventory(text: string): Inventory {
  const [facts = '', list, metadata, stats, end] = text.split(/^== (?:domains|metadata|stats|end)$/m)
  if (list === undefined || metadata === undefined || stats === undefined || end?.trim() !== '') {
    throw malformed('it was cut short', text.slice(-200))
  }
  const host = parseFacts(facts)
  const names = parseList(list)
  // Whoever edits a domain may lose its metadata: its UUID and the folder still tell which machine it is.
  const ofFolders = host.folders.map((stamp): [string, Metadata] => [uuidOf(stamp.id), { stamp, hugePages: false }])
  const elements = new Map([...ofFolders, ...parseMetadata(metadata)])
  const domains = parseStats(stats, (name) => elements.get(names.get(name) ?? '') ?? null)
  const known = new Set(domains.flatMap(({ stamp }) => stamp?.id ?? []))
  const folders = host.folders.filter(({ id }) => !known.has(id))
  const { folders: _, ...rest } = host
  return { ...rest, domains: [...domains, ...folders.map(withoutDomain)] }
}

/** A machine whose folder is there and whose domain is not: being made, being deleted, or left so by a crash. */
function withoutDomain(stamp: Stamp): Domain {
  return { stamp, active: false, running: false, cpus: 0, memoryMiB: 0, hugePages: false, residentMiB: 0 }
}

function parseFacts(text: string) {
  const single = new Map<string, string>()
  const files = new Set<string>()
  const hugePages = new Map<number, number>()
  const folders: Stamp[] = []
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [key = '', ...words] = line.split(' ')
    if (key === 'file') files.add(words.join(' '))
    else if (key === 'hugepages') hugePages.set(whole(words[0]), whole(words[1]))
    else if (key === 'folder') folders.push(stampOf(words))
    else single.set(key, words.join(' '))
  }
  const number = (key: string) => whole(single.get(key))
  const kvm = single.get('kvm')
  if (kvm === undefined) throw malformed('nothing is said about KVM', text.slice(0, 200))
  return {
    nowMs: number('now'),
    bootId: single.get('boot') ?? '',
    arch: single.get('arch') ?? '',
    cpus: number('cpus'),
    memoryMiB: number('memory'),
    availableMiB: number('available'),
    diskMiB: number('disk'),
    withoutKvm: kvm === 'works' ? null : kvm,
    hugePages,
    files,
    folders,
  }
}

function stampOf([id = '', name = '', cluster = '', created]: readonly string[]): Stamp {
  return { id, name, cluster, createdAtMs: whole(created) }
}

/** UUIDs by name: lines `UUID NAME`. */
function parseList(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return new Map(lines.map((line) => [line.slice(37).trim(), line.slice(0, 36)]))
}

/** Elements by UUID: `@@UUID`, and then, where there is any, the element. */
function parseMetadata(text: string): ReadonlyMap<string, Metadata> {
  const parts = text.split('@@').slice(1)
  return new Map(
    parts.flatMap((part): [string, Metadata][] => {
      const [uuid, xml] = [part.slice(0, 36), part.slice(36).trim()]
      if (!uuid.startsWith(uuidPrefix)) throw malformed('not a UUID of ours', part.slice(0, 200))
      return xml === '' ? [] : [[uuid, parseElement(xml)]]
    }),
  )
}

function parseElement(xml: string): Metadata {
  let element: Metadata | undefined
  // Without `async` it calls back before it returns.
  parseString(xml, (error: Error | null, parsed: { machine?: { $?: Record<string, string> } } | null) => {
    const { id, name, cluster, createdAtMs, hugePages } = parsed?.machine?.$ ?? {}
    if (error || !id || !name || !cluster) throw malformed('not the metadata of a machine', xml.slice(0, 200), error)
    element = { stamp: { id, name, cluster, createdAtMs: whole(createdAtMs) }, hugePages: hugePages !== undefined }
  })
  if (!element) throw malformed('not the metadata of a machine', xml.slice(0, 200))
  return element
}

/** Of libvirt's virDomainState: running, blocked, and shutting down, which may take long. */
const runningStates: readonly number[] = [1, 2, 4]
const paused = 3
/** Of virDomainPausedReason: starting up. */
const startingUp = 11
/** Of virDomainState: shut off, and crashed. */
const offStates: readonly number[] = [5, 6]

function parseStats(text: string, elementOf: (name: string) => Metadata | null): Domain[] {
  return text
    .split(/^Domain: '/m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf("'\n")
      const name = part.slice(0, end === -1 ? part.lastIndexOf("'") : end)
      const values = new Map(
        [...part.matchAll(/^ {2}([\w.]+)=(\d+)$/gm)].map(([, key = '', value]) => [key, Number(value)]),
      )
      const state = values.get('state.state')
      const element = elementOf(name)
      if (state === undefined) throw malformed('a domain without a state', part.slice(0, 200))
      const mib = (key: string) => Math.ceil((values.get(key) ?? 0) / 1024)
      return {
        stamp: element?.stamp ?? null,
        hugePages: element?.hugePages ?? false,
        active: !offStates.includes(state),
        running: runningStates.includes(state) || (state === paused && values.get('state.reason') === startingUp),
        cpus: values.get('vcpu.current') ?? 0,
        memoryMiB: mib('balloon.maximum'),
        residentMiB: mib('balloon.rss'),
      }
    })
}

function whole(text: string | undefined): number {
  if (text !== undefined && /^\d{1,15}$/.test(text)) return Number(text)
  throw malformed('not a whole number', String(text))
}

function malformed(what: string, text: string, cause?: unknown): CausewayError {
  return new CausewayError('MalformedOutput', `not the inventory of a host: ${what}: ${JSON.stringify(text)}`, {
    cause,
  })
}
