import type { ControllerConfig } from '../../config/controller-schema.ts'
import { emptyOverlay } from '../../elastic/overlay-from-nodes.ts'

/** The gateways of a site: its own, and the further hosts of its pool. */
export function gatewaysOf(config: ControllerConfig, site: string): readonly string[] {
  return emptyOverlay(config)
    .gateways.map(({ name }) => name)
    .filter((name) => name.split('/')[0] === site)
}
