import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import { Slots } from '../slots.ts'
import { idTag } from './machine.ts'
import type { Neutron, Port } from './neutron.ts'
import type { Nova } from './nova.ts'
import type { Server } from './schemas.ts'

/** What the cloud has of one machine: usually a server and its port. */
export interface Holding {
  readonly servers: readonly Server[]
  readonly ports: readonly Port[]
}

/** How long is waited, in milliseconds. */
export interface Patience {
  /** Between two looks at a server that is being built or deleted. */
  readonly pollMs: number
  /** Until a server is built. */
  readonly buildMs: number
  /** Until a server is gone. */
  readonly deleteMs: number
  /** In which a server that was asked for shows up, where it was left open whether it would. */
  readonly settleMs: number
}

/** Questions about single servers that are asked at the same time. */
const atOnce = 8

export interface HoldingsDeps {
  readonly site: string
  readonly nova: Nova
  readonly neutron: Neutron
  readonly clock: Clock
  readonly patience: Patience
}

/**
 * Finds and removes what the cloud has of our machines.
 *
 * Nova's lists may lack a server for a while, and those of a cell that is down; Neutron knows every port that it has made,
 * and in the end which server has it. So servers are found by both. A port is made before its server: where there is no port,
 * there is no server; a port whose server has not shown up yet may still get one until it is old enough.
 */
export class Holdings {
  readonly #deps: HoldingsDeps

  constructor(deps: HoldingsDeps) {
    this.#deps = deps
  }

  /**
   * What there is of a machine, whatever its cluster.
   * @throws CausewayError `HostUnreachable` while a server that may be there can't be read
   */
  async of(id: string): Promise<Holding> {
    const holding = await this.look(id)
    const { site, patience } = this.#deps
    const young = holding.ports.find(({ server, ageMs }) => server === null && (ageMs ?? Infinity) < patience.settleMs)
    if (holding.servers.length > 0 || !young) return holding
    const seconds = Math.ceil((patience.settleMs - (young.ageMs ?? 0)) / 1000)
    throw new CausewayError(
      'HostUnreachable',
      `${site}: ${id} has a port and no server: one may be on its way; in ${seconds} s it is known that none is`,
      { facts: { retryAfterMs: seconds * 1000 } },
    )
  }

  /** The same where it is known that no server is on its way. */
  async look(id: string): Promise<Holding> {
    const { nova, neutron } = this.#deps
    const [listed, ports] = await Promise.all([nova.servers(idTag(id)), neutron.ports(id)])
    const servers = listed.filter(({ metadata }) => metadata?.causeway_id === id)
    const more = await this.unlisted(servers, ports)
    const dark = more.find(isDark)
    if (dark) throw darkServer(this.#deps.site, dark)
    return { servers: [...servers, ...more], ports }
  }

  /** The servers that have one of the ports, and are not in the list. */
  async unlisted(listed: readonly Server[], ports: readonly Port[]): Promise<Server[]> {
    const known = new Set(listed.map(({ id }) => id))
    const ids = new Set(ports.flatMap(({ server }) => (server === null || known.has(server) ? [] : [server])))
    const slots = new Slots(atOnce)
    const found = await Promise.all([...ids].map((id) => slots.run(() => this.#deps.nova.server(id))))
    return found.filter((server) => server !== null)
  }

  /** Removes servers, and once they are gone, ports. */
  async remove({ servers, ports }: Holding): Promise<void> {
    await Promise.all(servers.map((server) => this.#removeServer(server)))
    await Promise.all(ports.map(({ id }) => this.#deps.neutron.delete(id)))
  }

  /**
   * A server when it is built, or could not be.
   * @throws CausewayError `CommandTimeout` when that takes too long; `CommandFailed` when somebody deletes it
   */
  async built(id: string): Promise<Server> {
    const { site, nova, patience } = this.#deps
    return await this.#until(patience.buildMs, `build server ${id}`, async () => {
      const found = await nova.server(id)
      if (!found) {
        const message = `${site}: server ${id} was deleted while it was being built`
        throw new CausewayError('CommandFailed', message, { retryable: true })
      }
      if (isDark(found)) throw darkServer(site, found)
      return found.status === 'BUILD' || found.status === 'REBUILD' ? null : found
    })
  }

  async #removeServer({ id, status }: Server): Promise<void> {
    const { nova, patience } = this.#deps
    await nova.delete(id, status === 'SOFT_DELETED')
    let isForced = status === 'SOFT_DELETED'
    await this.#until(patience.deleteMs, `delete server ${id}`, async () => {
      const found = await nova.server(id)
      if (!found) return true
      if (found.status === 'SOFT_DELETED' && !isForced) {
        isForced = true
        await nova.delete(id, true)
      }
      return null
    })
  }

  async #until<T>(withinMs: number, what: string, look: () => Promise<T | null>): Promise<T> {
    const { site, clock, patience } = this.#deps
    for (const deadline = clock.now() + withinMs; ; ) {
      const found = await look()
      if (found !== null) return found
      if (clock.now() >= deadline) {
        throw new CausewayError('CommandTimeout', `${site}: the cloud did not ${what} within ${withinMs / 1000} s`)
      }
      await clock.sleep(patience.pollMs)
    }
  }
}

/** Whether nothing is known of a server but that it is there, since Nova can't reach the cell that has it. */
export function isDark({ status }: Server): boolean {
  return status === 'UNKNOWN'
}

/** Why a dark server can't be read. */
export function darkServer(site: string, { id }: Server): CausewayError {
  return new CausewayError('HostUnreachable', `${site}: Nova can't reach the cell that has server ${id}`)
}
