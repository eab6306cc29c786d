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
}

/** A file that the machine finds below `/var/lib/causeway/seed/` at its first boot. */
export interface SeedFile {
  /** Relative path, no `..`. */
  readonly path: string
  /** Permission bits, for example 0o600. */
  readonly mode: number
  readonly content: string
}

/** What to create. */
export interface MachineSpec {
  readonly id: string
  readonly name: string
  readonly cluster: string
  /** Where the root file system comes from; what it means is the driver's affair (a folder for `namespace`). */
  readonly image: string
  readonly cpus: number
  readonly memoryMiB: number
  readonly nic: {
    /** Lower-case, colon-separated. */
    readonly mac: string
    /** The device's name on the site host, at most 15 characters; unique at the site. */
    readonly port: string
    /** The bridge at the site host that the port joins. */
    readonly bridge: string
    /** Bytes. */
    readonly mtu: number
  }
  /** Handed to the machine on a private channel (never argv). `boot` among them is run by the machine's init as root. */
  readonly seed: readonly SeedFile[]
}

/**
 * The port to a kind of site that can run machines.
 *
 * Contract:
 * - A machine's identity is the id in its spec, stamped on the machine itself. Names are for people.
 * - `list` returns every machine of `cluster` with an id, running or not, and only those; an empty site is `[]`.
 * - `create` is idempotent by id: called again for a machine that runs, it changes nothing and returns it; called again
 *   for one that is stopped or half-made, it makes it run, fresh from its image. It returns when the machine has been
 *   started, not when it has booted.
 * - `delete` is idempotent: it returns when the machine and all it owned (disks, ports, seed) are gone, or never were.
 * - `console` returns the end of what the machine printed (at most 64 KiB), `''` if it printed nothing or is gone.
 * - Different ids may be worked on at the same time; calls for one id must not overlap.
 * - Rejections are `CausewayError`s: `HostUnreachable`, `InsufficientCapacity`, `QuotaExceeded`, `ImageMissing`,
 *   `Unauthorized`, `CommandFailed`, `CommandTimeout`, `MalformedOutput`. After `HostUnreachable` or `CommandTimeout` the
 *   act may or may not have happened: `list` tells.
 */
export interface Driver {
  readonly site: string
  list(): Promise<readonly Machine[]>
  create(spec: MachineSpec): Promise<Machine>
  delete(id: string): Promise<void>
  console(id: string): Promise<string>
}
