import type { ControllerConfig } from '../controller-schema.ts'
import { type Problem, problemAt } from '../explain.ts'
import { nodeTypes } from '../node-types.ts'

/** Settings of a driver for node types that its site does not have. */
export function* unknownDriverTypes(config: Pick<ControllerConfig, 'sites' | 'policy'>): Generator<Problem> {
  for (const [site, { driver }] of Object.entries(config.sites)) {
    if (!('types' in driver)) continue
    const known = nodeTypes(config).flatMap((node) => (node.site === site ? node.type : []))
    for (const type of Object.keys(driver.types).filter((type) => !known.includes(type))) {
      const message = `the site has no node type of this name; it has ${known.join(', ')}`
      yield problemAt(['sites', site, 'driver', 'types', type], message)
    }
  }
}
