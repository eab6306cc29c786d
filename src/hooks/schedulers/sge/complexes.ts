import { malformed } from './xml.ts'

/** What a host or job can be asked for, as `qconf -sc` lists it. */
export interface Complex {
  readonly name: string
  readonly type: string
  readonly relop: string
  /** A job takes so much of it away from the host: for each slot, once (`JOB`), or not at all. */
  readonly consumable: 'YES' | 'NO' | 'JOB'
}

export type Complexes = ReadonlyMap<string, Complex>

/**
 * Reads `qconf -sc`.
 * @throws CausewayError `MalformedOutput`
 */
export function parseComplexes(text: string): Complexes {
  const found = new Map<string, Complex>()
  for (const line of text.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') continue
    const [name = '', , type = '', relop = '', , consumable = ''] = line.trim().split(/\s+/)
    if (!/^[A-Z]+$/.test(type)) throw malformed('the list of complexes', `has the line "${line.slice(0, 80)}"`)
    found.set(name, { name, type, relop, consumable: consumable === 'YES' || consumable === 'JOB' ? consumable : 'NO' })
  }
  if (!found.has('slots')) throw malformed('the list of complexes', 'has no slots')
  return found
}

/** MiB in Grid Engine's notation: `1.5G`, `500M`, `2g` (powers of 1000 in lower case), plain bytes; null for what is none. */
export function memoryMiBOf(value: string): number | null {
  const match = /^(\d+(?:\.\d+)?)([KMGTkmgt]?)$/.exec(value)
  if (!match) return null
  const unit = match[2] ?? ''
  const base = unit === unit.toUpperCase() ? 1024 : 1000
  return (Number(match[1]) * base ** ' kmgt'.indexOf(unit.toLowerCase() || ' ')) / 2 ** 20
}

/** Ms in Grid Engine's notation: seconds or `H:M:S`; null for none, as `INFINITY`. */
export function durationMsOf(value: string): number | null {
  const match = /^(?:(?:(\d*):)?(\d*):)?(\d+(?:\.\d+)?)$/.exec(value)
  if (!match) return null
  const [, hours, minutes, seconds] = match
  return (Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds)) * 1000
}
