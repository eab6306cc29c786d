import type { ControllerConfig } from './controller-schema.ts'
import { type NodeType, nodeTypes, standardType } from './node-types.ts'

/** One node type of the controller's configuration, with what its machines need. */
export interface NodePlace extends NodeType {
  /** Addresses of its nodes: node k has the k-th. Never empty once the file was checked. */
  readonly pool: string
  /** The image of its machines. */
  readonly image: string
}

const known = new WeakMap<object, ReadonlyMap<string, NodePlace>>()

/** The node types of all sites, in the order of the file. */
export function nodePlaces(config: PlaceSource): readonly NodePlace[] {
  return [...placesOf(config).values()]
}

/** The place of a node; null when the configuration has none for it. */
export function nodePlace(config: PlaceSource, node: { site: string; type: string }): NodePlace | null {
  return placesOf(config).get(`${node.site}/${node.type}`) ?? null
}

type PlaceSource = Pick<ControllerConfig, 'sites' | 'policy'>

/** Remembered by configuration: the overlay of a large cluster asks for each of its nodes. A loaded configuration never changes. */
function placesOf(config: PlaceSource): ReadonlyMap<string, NodePlace> {
  const found = known.get(config)
  if (found) return found
  const places = new Map<string, NodePlace>()
  for (const nodeType of nodeTypes(config)) {
    const { site, type } = nodeType
    const ofSite = config.sites[site]
    const ofType = ofSite?.types?.[type]
    const pool = ofType?.pool ?? (type === standardType ? ofSite?.pool : undefined) ?? ''
    places.set(`${site}/${type}`, { ...nodeType, pool, image: ofType?.image ?? ofSite?.driver.image ?? '' })
  }
  known.set(config, places)
  return places
}
