import { CausewayError } from '../../base/errors.ts'

/**
 * Reads `NAME=WORD` of an option that may be repeated.
 * @param nameless the name of a word that has none; null: each must have one
 * @throws CausewayError `InvalidRequest` for what is no such thing, or a name that is said twice
 */
export function namedWords(
  option: string,
  said: readonly string[],
  nameless: string | null,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const one of said) {
    const [, name = nameless, word = ''] = /^(?:([a-z][a-z0-9-]*)=)?([^]*)$/.exec(one) ?? []
    if (name === null || word === '') {
      throw new CausewayError(
        'InvalidRequest',
        `${option} ${one}: expected NAME=${option === '--host' ? 'ADDRESS' : 'SHA256:...'}`,
      )
    }
    if (found.has(name)) throw new CausewayError('InvalidRequest', `${option} ${one}: it is said twice`)
    found.set(name, word)
  }
  return found
}
