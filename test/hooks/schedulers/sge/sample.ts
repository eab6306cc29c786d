import { readFileSync } from 'node:fs'

/** A recorded answer of Grid Engine. */
export function sample(name: string): string {
  return readFileSync(new URL(`samples/${name}`, import.meta.url), 'utf8')
}
