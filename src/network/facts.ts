/**
 * What the gateways told of themselves. Beside configuration and nodes it is what the overlay is computed from. Each is a
 * new object when something changed, and never changes itself.
 */
export interface NetworkFacts {
  /** The generation of keys that traffic is to use; 0 until they are changed for the first time. */
  readonly generation: number
  /** The public keys that gateways told, by gateway and generation. */
  readonly keys: ReadonlyMap<string, ReadonlyMap<number, string>>
  /** While keys are changed: by gateway, those that it has shaken hands with by keys of `generation`. */
  readonly links: ReadonlyMap<string, ReadonlySet<string>>
  /** The smallest MTU of a path between two gateways, bytes; 1500 until one was measured. */
  readonly pathMtu: number
}

/** Before any gateway has said anything. */
export const noFacts: NetworkFacts = { generation: 0, keys: new Map(), links: new Map(), pathMtu: 1500 }
