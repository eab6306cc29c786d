import type { Origin } from '../origins.ts'
import { formats } from './formats.ts'
import { matcherOf } from './globs.ts'
import type { Kind } from './kind.ts'
import { plainPath } from './paths.ts'

export type { Kind } from './kind.ts'

/**
 * What a file of an origin is.
 * @param path Path and query of the request.
 */
export function kindOf(origin: Pick<Origin, 'immutable'>, path: string): Kind {
  const file = plainPath(path)
  if (file === undefined) return 'other'
  if (origin.immutable.length > 0 && matcherOf(origin.immutable)(file)) return 'package'
  for (const format of formats) {
    const kind = format.kindOf(file)
    if (kind !== undefined) return kind
  }
  return 'other'
}
