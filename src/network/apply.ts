import { type CausewayError, toCausewayError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { evpnPart } from './evpn/evpn-part.ts'
import { kernelPart } from './kernel/kernel-part.ts'
import type { Gateway, Overlay } from './overlay.ts'
import type { Failure, Part, Task } from './part.ts'
import { servicesPart } from './services/services-part.ts'
import { wireguardPart } from './wireguard/wireguard-part.ts'

/** All parts, in the order in which they are brought about: each may rest on those before it. */
const parts: readonly Part[] = [wireguardPart, evpnPart, kernelPart, servicesPart]

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
 * Brings a gateway to what the overlay says of it: reads, compares, writes only what differs. Safe to repeat, and to repeat
 * after any failure. What was refused does not throw: the report says what is missing after a second look.
 * @param only the parts to bring about, in order; all of them as a rule
 * @throws CausewayError as `Part.look`: `HostUnreachable`, `Conflict`, ...; `InvalidRequest` when the overlay can't be.
 */
export async function applyGateway(
  host: Host,
  overlay: Overlay,
  gateway: string,
  only: readonly Part[] = parts,
): Promise<ApplyReport> {
  return carryOut((part) => part.look(host, overlay, gateway), only)
}

/**
 * Applies the overlay to all its gateways at the same time. A gateway that can't be reached or read is an error among the
 * results; it neither stops nor delays the others.
 */
export async function applyOverlay(
  overlay: Overlay,
  hostFor: (gateway: Gateway) => Host,
): Promise<Map<string, ApplyReport | CausewayError>> {
  const results = overlay.gateways.map(async (gateway): Promise<[string, ApplyReport | CausewayError]> => {
    try {
      return [gateway.name, await applyGateway(hostFor(gateway), overlay, gateway.name)]
    } catch (thrown) {
      return [gateway.name, toCausewayError(thrown)]
    }
  })
  return new Map(await Promise.all(results))
}

/**
 * Removes all that is the cluster's from a host; others' things stay as they are, and so do the kernel settings, which
 * others may rely on by now. Safe to repeat; on a host that has nothing of ours it changes nothing.
 * @param only the parts to remove, in the order in which they are brought about; all of them as a rule
 * @throws CausewayError as `Part.lookToRemove`.
 */
export async function removeOverlay(host: Host, vni: number, only: readonly Part[] = parts): Promise<ApplyReport> {
  return carryOut((part) => part.lookToRemove(host, vni), only.toReversed())
}

async function carryOut(look: (part: Part) => Promise<Task>, order: readonly Part[]): Promise<ApplyReport> {
  const tasks = await Promise.all(order.map(look))
  const failures: Failure[] = []
  for (const task of tasks) if (task.commands.length > 0) failures.push(...(await task.run()))
  // What was refused may have been done by another, or need less by now.
  const reached = failures.length === 0 ? tasks : await Promise.all(order.map(look))
  return {
    commands: tasks.flatMap((task) => task.commands),
    failures,
    missing: failures.length === 0 ? [] : reached.flatMap((task) => task.commands),
    pending: reached.flatMap((task) => task.pending),
  }
}
