import { CausewayError } from '../../base/errors.ts'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { emptyOverlay } from '../../elastic/overlay-from-nodes.ts'

/** The gateways of a site: its own, and the further hosts of its pool. */
export function gatewaysOf(config: ControllerConfig, site: string): readonly string[] {
  return emptyOverlay(config)
    .gateways.map(({ name }) => name)
    .filter((name) => name.split('/')[0] === site)
}

/** The settings of a site's driver. @throws CausewayError `NotFound` when there is no such site */
export function driverConfigOf({ sites }: ControllerConfig, site: string): ControllerConfig['sites'][string]['driver'] {
  const driver = sites[site]?.driver
  if (!driver) throw new CausewayError('NotFound', `the configuration has no site ${site}`)
  return driver
}
