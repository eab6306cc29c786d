import type { ControllerConfig } from '../controller-schema.ts'
import { type Problem, problemAt } from '../explain.ts'

/** What can't be true together at sites of OpenStack. */
export function* openStackContradictions({ sites }: Pick<ControllerConfig, 'sites'>): Generator<Problem> {
  for (const [name, { driver }] of Object.entries(sites)) {
    if (driver.kind !== 'openstack') continue
    const { network, port } = driver
    const path = ['sites', name, 'driver']
    if (network === 'bridged' && port.subnet === undefined) {
      const missing = 'missing; a bridged network needs the id of the subnet that has the addresses of the cluster'
      yield problemAt([...path, 'port', 'subnet'], missing)
    }
    if (!port.security && port.securityGroups.length > 0) {
      const message = 'a port without security has no groups: remove them, or set `security: true`'
      yield problemAt([...path, 'port', 'securityGroups'], message)
    }
  }
}
