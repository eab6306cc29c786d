import type { Host } from '../../base/host.ts'
import type { Overlay } from '../overlay.ts'
import type { Part, Task } from '../part.ts'
import { withAdvertisements } from './advertisements.ts'
import { type Batch, commandsOf } from './batch.ts'
import { desiredState } from './desired-state.ts'
import { diff, pendingMembers } from './diff.ts'
import { readGateway } from './read.ts'
import { removal } from './removal.ts'
import { writeBatch } from './write.ts'

/** Devices, forwarding entries, neighbours, nftables rules and settings of a gateway's kernel. */
export const kernelPart: Part = {
  /** @throws CausewayError as `desiredState`, `readGateway` and `diff`. */
  async look(host: Host, overlay: Overlay, gateway: string): Promise<Task> {
    const state = desiredState(overlay, gateway)
    const actual = await withAdvertisements(host, await readGateway(host, state.vni), state)
    return task(host, diff(actual, state), pendingMembers(actual, state))
  },
  async lookToRemove(host: Host, vni: number): Promise<Task> {
    return task(host, removal(await readGateway(host, vni), vni), [])
  },
}

function task(host: Host, batch: Batch, pending: readonly string[]): Task {
  return { commands: commandsOf(batch), pending, run: () => writeBatch(host, batch) }
}
