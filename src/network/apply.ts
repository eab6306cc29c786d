import { type CausewayError, toCausewayError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { type Batch, commandsOf } from './batch.ts'
import { desiredState } from './desired-state.ts'
import { diff, pendingMembers } from './diff.ts'
import type { GatewayState } from './gateway-state.ts'
import type { Gateway, Overlay } from './overlay.ts'
import { readGateway } from './read.ts'
import { removal } from './removal.ts'
import { type Failure, writeBatch } from './write.ts'

/** What came of applying a state. */
export interface ApplyReport {
  /** The commands that were given, in order; empty when there was nothing to change. */
  readonly commands: readonly string[]
  /** Those that were refused. */
  readonly failures: readonly Failure[]
  /** The commands that would still be needed, from reading again after a failure; empty means achieved. */
  readonly missing: readonly string[]
  /** Names of the local members that have no port on the bridge yet. Apply again when they have. */
  readonly pending: readonly string[]
}

/**
 * Brings a gateway's kernel into the state: reads, compares, writes only what differs. Safe to repeat, and to repeat
 * after any failure. What was refused does not throw: the report says what is missing after a second look.
 * @throws CausewayError as `readGateway` and `diff`: `HostUnreachable`, `Conflict`, ...
 */
export async function applyGateway(host: Host, state: GatewayState): Promise<ApplyReport> {
  const actual = await readGateway(host)
  const batch = diff(actual, state)
  const failures = await writeBatch(host, batch)
  if (failures.length === 0) {
    return { commands: commandsOf(batch), failures, missing: [], pending: pendingMembers(actual, state) }
  }
  const reached = await readGateway(host)
  return {
    commands: commandsOf(batch),
    failures,
    missing: commandsOf(diff(reached, state)),
    pending: pendingMembers(reached, state),
  }
}

/**
 * Applies the overlay to all its gateways at the same time. A gateway that can't be reached or read is an error among the
 * results; it neither stops nor delays the others.
 * @throws CausewayError `InvalidRequest` when the overlay itself can't be; then nothing was touched.
 */
export async function applyOverlay(
  overlay: Overlay,
  hostFor: (gateway: Gateway) => Host,
): Promise<Map<string, ApplyReport | CausewayError>> {
  const states = overlay.gateways.map((gateway) => ({ gateway, state: desiredState(overlay, gateway.name) }))
  const results = states.map(async ({ gateway, state }): Promise<[string, ApplyReport | CausewayError]> => {
    try {
      return [gateway.name, await applyGateway(hostFor(gateway), state)]
    } catch (thrown) {
      return [gateway.name, toCausewayError(thrown)]
    }
  })
  return new Map(await Promise.all(results))
}

/**
 * Removes the cluster's devices and tables from a host, with everything on them; others' stay as they are, and so do the
 * kernel settings, which others may rely on by now. Safe to repeat; on a host that has nothing of ours it changes nothing.
 * @throws CausewayError as `readGateway`.
 */
export async function removeOverlay(host: Host, vni: number): Promise<ApplyReport> {
  const batch: Batch = removal(await readGateway(host), vni)
  const failures = await writeBatch(host, batch)
  const missing = failures.length === 0 ? [] : commandsOf(removal(await readGateway(host), vni))
  return { commands: commandsOf(batch), failures, missing, pending: [] }
}
