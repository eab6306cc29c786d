import type { ControllerConfig } from '../config/controller-schema.ts'
import { nodePlace, nodePlaces } from '../config/node-places.ts'
import type { NodeRecord } from '../store/node-record.ts'
import { nodeAddress } from './overlay-from-nodes.ts'
import { nodeName } from './plan/policy.ts'
import { typeRules } from './policy-rules.ts'
import type { Registration } from './scheduler.ts'

/** What the scheduler has to know of a node; null when the configuration has no place for it. */
export function registrationOf(
  config: ControllerConfig,
  node: Pick<NodeRecord, 'name' | 'site' | 'type'>,
): Registration | null {
  const place = nodePlace(config, node)
  const address = nodeAddress(config, node)
  if (!place || address === null) return null
  const { site, type, size, features, order } = typeRules(place)
  return { name: node.name, address, site, type, size, features, rank: order }
}

const known = new WeakMap<ControllerConfig, readonly Registration[]>()

/**
 * All nodes that there may ever be, preferred ones first: by order, then by cost, then by name. The same list for the same
 * configuration, which never changes once it is loaded: some ask with every reading of the queue.
 */
export function registrations(config: ControllerConfig): readonly Registration[] {
  const found = known.get(config)
  if (found) return found
  const places = nodePlaces(config).toSorted(
    (a, b) => a.order - b.order || a.settings.cost - b.settings.cost || (a.prefix < b.prefix ? -1 : 1),
  )
  const all = places.flatMap(({ site, type, prefix, names }) =>
    Array.from({ length: names }, (_, k) =>
      registrationOf(config, { name: nodeName(prefix, k + 1), site, type }),
    ).filter((registration) => registration !== null),
  )
  known.set(config, all)
  return all
}
