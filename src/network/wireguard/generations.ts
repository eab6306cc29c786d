import type { Encryption } from '../overlay.ts'

/** The generations of keys for which a gateway has a device, the newer one first: two only while keys are changed. */
export function generationsInUse({ generation, keys }: Encryption): readonly number[] {
  const before = [...keys.values()].some((ofGateway) => ofGateway.has(generation - 1))
  return before ? [generation, generation - 1] : [generation]
}

/**
 * The generation by which two gateways exchange traffic; null when there is none that both have told a key of.
 *
 * The newer one once both have shaken hands by it: then it is proven that each has the other's new key, that the new port is
 * open, and that nothing is lost when each moves its route at a moment of its own. Who has lost its older key has no choice.
 */
export function pairGeneration(encryption: Encryption, a: string, b: string): number | null {
  const { generation } = encryption
  const newer = haveBoth(encryption, a, b, generation)
  const older = haveBoth(encryption, a, b, generation - 1)
  if (newer && (!older || areLinked(encryption, a, b))) return generation
  return older ? generation - 1 : null
}

/** Whether two gateways still have to shake hands by the newer keys before they may use them. */
export function areToBeLinked(encryption: Encryption, a: string, b: string): boolean {
  return haveBoth(encryption, a, b, encryption.generation) && pairGeneration(encryption, a, b) !== encryption.generation
}

/** Whether each of two gateways says that it has shaken hands with the other by the newer keys. */
export function areLinked({ links }: Pick<Encryption, 'links'>, a: string, b: string): boolean {
  return links.get(a)?.has(b) === true && links.get(b)?.has(a) === true
}

function haveBoth({ keys }: Encryption, a: string, b: string, generation: number): boolean {
  return keys.get(a)?.has(generation) === true && keys.get(b)?.has(generation) === true
}
