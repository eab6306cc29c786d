import { CausewayError } from '../../../base/errors.ts'

/** A JSON object whose fields are still to be looked at. */
export type Fields = Readonly<Record<string, unknown>>

/**
 * The list of objects under `key` in what `squeue --json` or `sinfo --json` printed.
 *
 * Slurm 22.05 ends with status 0 and an empty list when slurmctld does not answer; only `errors` tells.
 * @throws CausewayError `MalformedOutput`; `SchedulerUnreachable` when the document says that it could not be filled.
 */
export function readList(text: string, key: 'jobs' | 'nodes'): readonly Fields[] {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw new CausewayError('MalformedOutput', `Slurm's list of ${key} is not JSON`, { cause })
  }
  if (!isFields(document)) throw malformed(key, 'is not an object')
  const { errors = [], [key]: list } = document
  if (!Array.isArray(errors)) throw malformed(`${key}: errors`, 'is not a list')
  if (errors.length > 0) {
    throw new CausewayError('SchedulerUnreachable', `Slurm could not list its ${key}: ${JSON.stringify(errors[0])}`)
  }
  if (!Array.isArray(list)) throw malformed(key, 'is not a list')
  return list.map((entry: unknown, index) => {
    if (!isFields(entry)) throw malformed(`${key}[${index}]`, 'is not an object')
    return entry
  })
}

/** A text; '' where Slurm writes null or leaves the field out. Later versions write some texts as lists. */
export function textOf(fields: Fields, name: string): string {
  const value = fields[name] ?? ''
  if (typeof value === 'string') return value
  if (isTexts(value)) return value.join(',')
  throw malformed(name, 'is not a text')
}

/** A non-empty text. */
export function requiredTextOf(fields: Fields, name: string): string {
  const text = textOf(fields, name)
  if (text === '') throw malformed(name, 'is missing')
  return text
}

/** Words in upper case: one text in 22.05, a list later. */
export function wordsOf(fields: Fields, name: string): readonly string[] {
  const value = fields[name] ?? []
  if (typeof value === 'string') return value === '' ? [] : [value.toUpperCase()]
  if (isTexts(value)) return value.map((word) => word.toUpperCase())
  throw malformed(name, 'is neither a word nor a list of words')
}

/** A whole number of at least 0, null where there is none; later versions write `{ set, infinite, number }`. */
export function numberOf(fields: Fields, name: string): number | null {
  const value = fields[name]
  if (value === undefined || value === null) return null
  if (isFields(value) && 'set' in value)
    return value['set'] === true && value['infinite'] !== true ? numberOf(value, 'number') : null
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw malformed(name, 'is not a whole number')
}

/** As `numberOf`, of a field that must be there. */
export function requiredNumberOf(fields: Fields, name: string): number {
  const number = numberOf(fields, name)
  if (number === null) throw malformed(name, 'is missing')
  return number
}

/** The error for output that is not what Slurm's interface promises. */
export function malformed(where: string, what: string, cause?: unknown): CausewayError {
  return new CausewayError('MalformedOutput', `Slurm's answer can not be used: ${where} ${what}`, { cause })
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
