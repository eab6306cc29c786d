import type { Gateway, Overlay } from '../overlay.ts'
import { checkHost } from './check-host.ts'
import { checkPaths } from './check-paths.ts'
import { checkState } from './check-state.ts'
import type { Finding } from './finding.ts'
import type { Reading } from './reading.ts'

/** Everything that can be said of a gateway from what was read there: what it is made of, what it holds, whom it reaches. */
export function diagnose(overlay: Overlay, gateway: Gateway, reading: Reading): readonly Finding[] {
  return [
    ...checkHost(overlay, gateway, reading),
    ...checkState(overlay, gateway, reading),
    ...checkPaths(overlay, gateway, reading),
  ]
}
