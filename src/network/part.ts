import type { Host } from '../base/host.ts'
import type { Overlay } from './overlay.ts'

/**
 * One of the things that a gateway needs for the overlay: tunnels, devices and rules, DHCP and DNS, BGP. Each part owns what it
 * makes, reads it whole, and brings about the difference; none knows of the others.
 */
export interface Part {
  /** Looks at what a gateway holds and compares it with what the overlay wants there. Changes nothing. */
  look(host: Host, overlay: Overlay, gateway: string): Promise<Task>
  /** Looks at what of a cluster's is there, to be taken away. Changes nothing. */
  lookToRemove(host: Host, vni: number): Promise<Task>
}

/** What must be done at a gateway. */
export interface Task {
  /** The commands that it takes, in words for people and reports; none: all is as wanted. */
  readonly commands: readonly string[]
  /** Names of local members that could not be served yet, because their port is not there. */
  readonly pending: readonly string[]
  /** Gives the commands. Resolves to those that were refused; repeating is safe. */
  run(): Promise<readonly Failure[]>
}

/** A command that was refused. */
export interface Failure {
  readonly command: string
  /** What the program said. */
  readonly reason: string
}
