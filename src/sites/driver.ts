import type { CausewayError } from '../base/errors.ts'

/** What a driver knows of a machine that carries an id of ours. */
export interface Machine {
  /** The id stamped on the machine when it was created; the machine's identity. */
  readonly id: string
  /** The node's name, as given at creation; for people. */
  readonly name: string
  /** The cluster stamped on the machine. */
  readonly cluster: string
  /** `stopped`: it exists but does not run (a power cut, a crash, a half-made machine). */
  readonly state: 'running' | 'stopped'
  /** Milliseconds since the epoch, by the site's clock. */
  readonly createdAtMs: number
  /** The host of the pool, or the zone, that has it; null at a site that has only one. */
  readonly host: string | null
  /** Where the site's network reaches it, where that is not the cluster's segment; null: nowhere, or not known yet. */
  readonly address: string | null
  /** That the site will take it away, and why (a spot market, maintenance); null: the site says nothing of the kind. */
  readonly leaving: Leaving | null
}

/** What a site announces of a machine that it is going to take away. */
export interface Leaving {
  /** When, ms since the epoch, as far as the site tells; it may be sooner. */
  readonly atMs: number
  /** For people: what the site says. */
  readonly reason: string
}

/** The machines of a site as far as they could be read. */
export interface Listing {
  readonly machines: readonly Machine[]
  /** Hosts of the pool (or zones) that could not be read: nothing is known of what they hold. */
  readonly unread: readonly UnreadHost[]
}

/** A host of a pool that does not answer, or not with what it should. */
export interface UnreadHost {
  readonly host: string
  readonly error: CausewayError
}

/** A file that the machine finds below `/var/lib/causeway/seed/` at its first boot. */
export interface SeedFile {
  /** Relative path, no `..`. */
  readonly path: string
  /** Permission bits, for example 0o600. */
  readonly mode: number
  readonly content: string
}

/** The machine's plug in the cluster's segment. */
export interface Nic {
  /** Lower-case, colon-separated. */
  readonly mac: string
  /** The device's name on the site host, at most 15 characters; unique at the site. */
  readonly port: string
  /** The bridge at the site host that the port joins. */
  readonly bridge: string
  /** Bytes. */
  readonly mtu: number
  /** Its IPv4 address in the segment with the prefix's length: `10.77.1.3/16`. */
  readonly address: string
  /** Its default router in the segment. */
  readonly router: string
  /** The same in the cluster's IPv6 subnet; null where it has none. */
  readonly ipv6: { readonly address: string; readonly router: string } | null
  /** The name server it asks, and the zone in which it finds short names; null: the image's own stay. */
  readonly resolver: { readonly server: string; readonly zone: string } | null
}

/** What to create. */
export interface MachineSpec {
  readonly id: string
  readonly name: string
  readonly cluster: string
  /** The name of its node type at the site; a driver may have settings of its own for it. */
  readonly type: string
  /** Where the root file system comes from; what it means is the driver's affair (a folder for `namespace`). */
  readonly image: string
  readonly cpus: number
  readonly memoryMiB: number
  readonly nic: Nic
  /** Handed to the machine on a private channel (never argv). `boot` among them is run by the machine's init as root. */
  readonly seed: readonly SeedFile[]
  /** Hosts of the pool (or zones) that are not to get it, such as those in maintenance. */
  readonly avoidHosts: readonly string[]
  /**
   * That no `create` of this id was ever begun, by anyone: nothing of it can be anywhere, not even at a host that can't be
   * read. False where that is not known, as of a life that an earlier run of the controller began.
   */
  readonly first: boolean
}

/** What a site has to offer now. */
export interface Capacity {
  /** The hosts of the pool, or the zones; one of the site's name where it has only one. */
  readonly hosts: readonly HostCapacity[]
  /** The kinds of machines that the site sells or lets one choose; `[]`: any size that fits a host. */
  readonly offers: readonly Offer[]
  /** How many machines more the site's quota allows; null: it has none, or does not tell. */
  readonly machinesLeft: number | null
}

/** A host of the pool. `null` in a number: not known. */
export interface HostCapacity {
  readonly host: string
  /** Why it takes no machines now; null: it does. */
  readonly closed: string | null
  readonly cpus: number | null
  readonly memoryMiB: number | null
  /** What machines can still have. */
  readonly freeMemoryMiB: number | null
  /** Machines of this cluster that it has; 0 where it could not be read. */
  readonly machines: number
}

/** A kind of machine that a site offers. */
export interface Offer {
  /** The site's own name for it: a flavor, an instance type. */
  readonly name: string
  /** Where; null: anywhere at the site. */
  readonly zone: string | null
  readonly cpus: number
  readonly memoryMiB: number
  readonly gpus: number
  /** In the currency that the site bills in; null: not known. */
  readonly pricePerHour: number | null
  /** Whether the site may take it back at any time (spot). */
  readonly interruptible: boolean
}

/**
 * The port to a kind of site that can run machines.
 *
 * Contract:
 * - A machine's identity is the id in its spec, stamped on the machine itself. Names are for people.
 * - `list` returns every machine of `cluster` with an id, running or not, and only those; an empty site is `[]`. A host
 *   of a pool that can't be read stands in `unread`; where no host can be read, `list` rejects.
 * - `create` is idempotent by id: called again for a machine that runs, it changes nothing and returns it; called again
 *   for one that is stopped or half-made, it makes it run, fresh from its image. It returns when the machine has been
 *   started, not when it has booted. It never makes a second machine of an id: while a host that may have the first can't
 *   be read, it rejects with `HostUnreachable`. No host can have one whose spec is `first`: it is made at those that can
 *   be read.
 * - `create` never uses a host of `avoidHosts`; where all others are full or closed, it rejects with `InsufficientCapacity`.
 * - `delete` is idempotent: it returns when the machine and all it owned (disks, ports, seed) are gone, or never were. It
 *   rejects with `HostUnreachable` while a host that may have it can't be read.
 * - `console` returns the end of what the machine printed (at most 64 KiB), `''` if it printed nothing or is gone.
 * - `capacity` changes nothing.
 * - Different ids may be worked on at the same time; calls for one id must not overlap.
 * - Rejections are `CausewayError`s: `HostUnreachable`, `HostKeyMismatch`, `InsufficientCapacity`, `QuotaExceeded`,
 *   `ImageMissing`, `Unauthorized`, `RateLimited` (with `retryAfterMs` among its facts where the site says it),
 *   `InvalidRequest`, `CommandFailed`, `CommandTimeout`, `MalformedOutput`. After `HostUnreachable` or `CommandTimeout`
 *   the act may or may not have happened: `list` tells.
 * - After `close`, which ends what is kept open, nothing else is called.
 */
export interface Driver {
  readonly site: string
  list(): Promise<Listing>
  create(spec: MachineSpec): Promise<Machine>
  delete(id: string): Promise<void>
  console(id: string): Promise<string>
  capacity(): Promise<Capacity>
  close(): Promise<void>
}
