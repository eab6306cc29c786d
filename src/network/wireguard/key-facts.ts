import type { NetworkFacts } from '../facts.ts'
import { areLinked } from './generations.ts'

/** What is known of the gateways' keys: the part of `NetworkFacts` that `KeyKeeper` gives. */
export type KeyFacts = Pick<NetworkFacts, 'generation' | 'keys' | 'links'>

/** A gateway as far as its keys go. */
export interface KeyHolder {
  readonly name: string
  readonly nat: boolean
}

/** The facts with a key that a gateway told; whom it shook hands with by another key counts no more. */
export function withKey(facts: KeyFacts, gateway: string, generation: number, publicKey: string): KeyFacts {
  const ofGateway = new Map(facts.keys.get(gateway))
  const isNew = ofGateway.get(generation) !== publicKey
  const keys = new Map(facts.keys).set(gateway, ofGateway.set(generation, publicKey))
  return { ...facts, keys, links: isNew ? withoutLinks(facts.links, gateway) : facts.links }
}

/** The facts with those that a gateway says it has shaken hands with. */
export function withLinks(facts: KeyFacts, gateway: string, linked: ReadonlySet<string>): KeyFacts {
  return { ...facts, links: new Map(facts.links).set(gateway, linked) }
}

/** The facts once all use the latest generation: nothing of those before. */
export function settledFacts({ generation, keys }: KeyFacts): KeyFacts {
  const latest = [...keys].map(([gateway, ofGateway]): [string, Map<number, string>] => {
    return [gateway, new Map([...ofGateway].filter(([one]) => one >= generation))]
  })
  return { generation, keys: new Map(latest), links: new Map() }
}

/** The facts without gateways that are no more. */
export function onlyOf(facts: KeyFacts, gateways: readonly KeyHolder[]): KeyFacts {
  const names = new Set(gateways.map((one) => one.name))
  return { ...facts, keys: new Map([...facts.keys].filter(([gateway]) => names.has(gateway))) }
}

/** What the change to the latest keys waits for, in words; nothing: all pairs can use them. */
export function waitsFor({ generation, keys, links }: KeyFacts, gateways: readonly KeyHolder[]): readonly string[] {
  const ready = (name: string) => keys.get(name)?.has(generation) === true
  const silent = gateways.filter((one) => !ready(one.name)).map((one) => `a key of ${one.name}`)
  const pairs = gateways.flatMap((a, index) => gateways.slice(index + 1).map((b) => [a, b] as const))
  const apart = pairs
    .filter(([a, b]) => !(a.nat && b.nat) && ready(a.name) && ready(b.name) && !areLinked({ links }, a.name, b.name))
    .map(([a, b]) => `a handshake of ${a.name} and ${b.name}`)
  return [...silent, ...apart]
}

/** Links without those of a gateway, in both directions. */
function withoutLinks(links: KeyFacts['links'], gateway: string): KeyFacts['links'] {
  const others = [...links].filter(([name]) => name !== gateway)
  return new Map(others.map(([name, linked]) => [name, new Set([...linked].filter((one) => one !== gateway))]))
}
