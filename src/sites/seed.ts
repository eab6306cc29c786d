import { CausewayError } from '../base/errors.ts'
import type { SeedFile } from './driver.ts'
import { readPackageFile } from './package-file.ts'

/** What a new node must know to become a member of the cluster. */
export interface SeedFacts {
  readonly node: {
    /** The id of this life, under which the node reports. */
    readonly id: string
    readonly name: string
    /** IPv4 address in the segment. */
    readonly address: string
  }
  readonly cluster: string
  /** Length of the subnet's prefix, bits. */
  readonly prefixLength: number
  /** The node's default router: its gateway's own address in the segment. */
  readonly router: string
  /** MTU in the segment, bytes. */
  readonly mtu: number
  readonly head: { readonly name: string; readonly address: string }
  /** Where the scheduler's controller listens on the head, TCP. */
  readonly schedulerPort: number
  /** Where the node reports, for example `http://10.77.0.1:8470`. */
  readonly controllerUrl: string
  /** With which it reports. */
  readonly token: string
  readonly mungeKey: Uint8Array
  /** Names that the node must know, beside `localhost`. */
  readonly hosts: readonly { readonly name: string; readonly address: string }[]
  readonly scripts: RoleScripts
}

/** The programs that a node runs at its first boot. */
export interface RoleScripts {
  /** Brings the machine up, reports, and runs the role. */
  readonly boot: string
  /** Installs and starts what makes the machine a node of the queue. */
  readonly role: string
}

/** Reads the scripts of this package. */
export async function loadRoleScripts(): Promise<RoleScripts> {
  const [boot, role] = await Promise.all([readPackageFile('scripts/node/boot'), readPackageFile('scripts/slurm/role')])
  return { boot, role }
}

/**
 * The files that turn a machine of a site's image into a node; `scripts/node/boot` reads them.
 * @throws CausewayError `InvalidRequest` for a name or address that could not stand in a line of its own.
 */
export function renderSeed(facts: SeedFacts): SeedFile[] {
  const { node, head } = facts
  const env = {
    NODE_ID: node.id,
    NODE_NAME: node.name,
    CLUSTER: facts.cluster,
    ADDRESS: `${node.address}/${facts.prefixLength}`,
    ROUTER: facts.router,
    MTU: String(facts.mtu),
    CONTROLLER_URL: facts.controllerUrl,
    HEAD_NAME: head.name,
    HEAD_ADDRESS: head.address,
    SCHEDULER_PORT: String(facts.schedulerPort),
  }
  return [
    { path: 'env', mode: 0o644, content: renderEnv(env) },
    { path: 'hosts', mode: 0o644, content: renderHosts([head, node, ...facts.hosts]) },
    { path: 'token', mode: 0o600, content: `${facts.token}\n` },
    { path: 'munge.key.base64', mode: 0o600, content: `${Buffer.from(facts.mungeKey).toString('base64')}\n` },
    { path: 'boot', mode: 0o755, content: facts.scripts.boot },
    { path: 'role', mode: 0o755, content: facts.scripts.role },
  ]
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
function renderHosts(hosts: readonly { readonly name: string; readonly address: string }[]): string {
  const addresses = new Map<string, string>()
  for (const { name, address } of hosts) {
    if (/[\s#]/.test(`${name}${address}`) || name === '' || address === '') {
      throw new CausewayError('InvalidRequest', `not a host's name and address: ${JSON.stringify([name, address])}`)
    }
    if (!addresses.has(name)) addresses.set(name, address)
  }
  const lines = [...addresses].map(([name, address]) => `${address} ${name}\n`)
  return `127.0.0.1 localhost\n::1 localhost\n${lines.join('')}`
}
