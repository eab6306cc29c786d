import { CausewayError } from '../base/errors.ts'
import { readPackageFile } from '../base/package-file.ts'
import type { SeedFile } from './driver.ts'
import type { Snippets } from './snippets.ts'

/** A name and its IPv4 address. */
export interface Host {
  readonly name: string
  readonly address: string
}

/** What a new node must know to become a member of the cluster. */
export interface SeedFacts {
  readonly node: {
    /** The id of this life, under which the node reports. */
    readonly id: string
    readonly name: string
    /** IPv4 address in the segment. */
    readonly address: string
    /** Of its plug in the segment; lower-case. */
    readonly mac: string
    readonly site: string
    readonly type: string
    readonly size: { readonly cpus: number; readonly memoryMiB: number; readonly gpus: number }
    /** What jobs can ask for. */
    readonly features: readonly string[]
  }
  readonly cluster: string
  /** Length of the subnet's prefix, bits. */
  readonly prefixLength: number
  /** The node's default router: its gateway's own address in the segment. */
  readonly router: string
  /** The same in the cluster's IPv6 subnet; null where it has none. */
  readonly ipv6: { readonly address: string; readonly prefixLength: number; readonly router: string } | null
  /** MTU in the segment, bytes. */
  readonly mtu: number
  /** The name server that the node asks, and the zone in which it finds short names; null: the image's own stay. */
  readonly resolver: { readonly server: string; readonly zone: string } | null
  readonly head: Host
  /** Where the node reports, for example `http://10.77.0.1:8470`. */
  readonly controllerUrl: string
  /** With which it reports. */
  readonly token: string
  /** Names that the node must know, beside `localhost`. A list that was rendered once is remembered: it must not change. */
  readonly hosts: readonly Host[]
  /** The program that the machine runs whenever it starts: brings it up, reports, and runs the role. */
  readonly boot: string
  readonly role: Role
  /** The admin's own programs around the installation of the role. */
  readonly snippets: Snippets
  /** How it joins the segment by itself; null: its site plugs it in. */
  readonly join: Join | null
}

/** What a machine needs to join the segment by itself (`scripts/node/join`). */
export interface Join {
  /** Where its site's gateway is, in the site's own network. */
  readonly gateway: string
  /** UDP. */
  readonly port: number
  readonly vni: number
  /** The program that does it. */
  readonly program: string
}

/** What makes a machine a node of the queue; the same for all nodes of a cluster. */
export interface Role {
  /**
   * The program that installs (argument `install`) and runs (`serve`) the scheduler's daemon. It finds all of the seed beside it.
   */
  readonly program: string
  /** Variables that it has beside those of every seed. */
  readonly env: Readonly<Record<string, string>>
  /** Further files for it. */
  readonly files: readonly SeedFile[]
}

/** Reads the program that every machine boots with from this package. */
export function loadBoot(): Promise<string> {
  return readPackageFile('scripts/node/boot')
}

/** Reads the program by which a machine joins the segment by itself. */
export function loadJoin(): Promise<string> {
  return readPackageFile('scripts/node/join')
}

/**
 * The files that turn a machine of a site's image into a node; `scripts/node/boot` reads them.
 * @throws CausewayError `InvalidRequest` for a name or address that could not stand in a line of its own.
 */
export function renderSeed(facts: SeedFacts): SeedFile[] {
  const { node, head, role, ipv6, resolver, join, snippets } = facts
  const env = {
    NODE_ID: node.id,
    NODE_NAME: node.name,
    NODE_SITE: node.site,
    NODE_TYPE: node.type,
    NODE_CPUS: String(node.size.cpus),
    NODE_MEMORY_MIB: String(node.size.memoryMiB),
    NODE_GPUS: String(node.size.gpus),
    NODE_FEATURES: node.features.join(','),
    CLUSTER: facts.cluster,
    MAC: node.mac,
    ADDRESS: `${node.address}/${facts.prefixLength}`,
    ROUTER: facts.router,
    ...(ipv6 === null ? {} : { ADDRESS6: `${ipv6.address}/${ipv6.prefixLength}`, ROUTER6: ipv6.router }),
    MTU: String(facts.mtu),
    ...(resolver === null ? {} : { NAME_SERVER: resolver.server, ZONE: resolver.zone }),
    ...(join === null ? {} : joinEnv(join)),
    CONTROLLER_URL: facts.controllerUrl,
    HEAD_NAME: head.name,
    HEAD_ADDRESS: head.address,
    ...role.env,
  }
  return [
    { path: 'env', mode: 0o644, content: renderEnv(env) },
    { path: 'hosts', mode: 0o644, content: renderHosts([head, node], facts.hosts) },
    { path: 'token', mode: 0o600, content: `${facts.token}\n` },
    { path: 'boot', mode: 0o755, content: facts.boot },
    { path: 'role', mode: 0o755, content: role.program },
    ...(join === null ? [] : [{ path: 'join', mode: 0o755, content: join.program }]),
    ...role.files,
    ...programs(snippets),
  ]
}

function programs({ before, after }: Snippets): SeedFile[] {
  const file = (path: string, content: string | null) => (content === null ? [] : [{ path, mode: 0o700, content }])
  return [...file('before', before), ...file('after', after)]
}

function joinEnv({ gateway, port, vni }: Join): Record<string, string> {
  return { JOIN_GATEWAY: gateway, JOIN_PORT: String(port), VNI: String(vni) }
}

/** Assignments for a POSIX shell to source; every value arrives as it is, whatever characters it has. */
export function renderEnv(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => {
      if (value.includes('\0')) throw new CausewayError('InvalidRequest', `${name} has a NUL byte`)
      return `${name}='${value.replaceAll("'", `'\\''`)}'\n`
    })
    .join('')
}

/** An `/etc/hosts`: localhost and one line for each name, the first mention of a name wins. */
function renderHosts(first: readonly Host[], others: readonly Host[]): string {
  const own = hostLines(first)
  const rest = linesOf(others)
  // All but the few that were mentioned before are a text that all seeds share.
  let text = rest.text
  const mentioned = [...own.keys()].flatMap((name) => rest.places.get(name) ?? [])
  for (const { from, to } of mentioned.toSorted((a, b) => b.from - a.from)) text = text.slice(0, from) + text.slice(to)
  return `127.0.0.1 localhost\n::1 localhost\n${[...own.values()].join('')}${text}`
}

/** A list of hosts as text, and where in it each name's line is. */
interface HostLines {
  readonly text: string
  readonly places: ReadonlyMap<string, { readonly from: number; readonly to: number }>
}

const rendered = new WeakMap<readonly Host[], HostLines>()

function linesOf(hosts: readonly Host[]): HostLines {
  const found = rendered.get(hosts)
  if (found) return found
  const places = new Map<string, { from: number; to: number }>()
  let text = ''
  for (const [name, line] of hostLines(hosts)) {
    places.set(name, { from: text.length, to: text.length + line.length })
    text += line
  }
  const lines = { text, places }
  rendered.set(hosts, lines)
  return lines
}

/** The line of each name, with the address that it is first mentioned with. */
function hostLines(hosts: readonly Host[]): ReadonlyMap<string, string> {
  const lines = new Map<string, string>()
  for (const { name, address } of hosts) {
    if (/[\s#]/.test(`${name}${address}`) || name === '' || address === '') {
      throw new CausewayError('InvalidRequest', `not a host's name and address: ${JSON.stringify([name, address])}`)
    }
    if (!lines.has(name)) lines.set(name, `${address} ${name}\n`)
  }
  return lines
}
