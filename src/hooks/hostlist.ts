import { CausewayError } from '../base/errors.ts'

/** Most names that one hostlist may stand for: what Slurm itself allows for a cluster. */
export const maximumHosts = 65_536

/** Longest text that is looked at, characters. */
const maximumText = 1024 * 1024

/** Numbers of more digits are kept as plain text: they are names, not numbers, and would lose digits. */
const maximumDigits = 15

/** A run of numbers inside brackets; `width` is the least number of digits, filled up with zeros. */
interface NumberRange {
  readonly low: number
  readonly high: number
  readonly width: number
}

/**
 * The names that a Slurm hostlist stands for, in its order, duplicates included: `n[1-3,07-08],x` is n1 n2 n3 n07 n08 x,
 * and `a[1-2]b[3-4]` is a1b3 a1b4 a2b3 a2b4. The empty text is no names.
 * @throws CausewayError `InvalidRequest` when it is not a hostlist or stands for more than 65 536 names.
 */
export function expandHostlist(text: string): string[] {
  if (text.length > maximumText) throw invalid(text, `it is longer than ${maximumText} characters`)
  if (text === '') return []
  const names: string[] = []
  for (const word of splitOutsideBrackets(text)) {
    for (const name of expandWord(word, text, maximumHosts - names.length)) names.push(name)
  }
  return names
}

/**
 * The shortest hostlist, in the one form that every Slurm reads (one bracket, at the end), for these names without
 * duplicates. Names that share a prefix come together, so the order may change.
 * @throws CausewayError `InvalidRequest` for a name with a character that hostlists give a meaning to.
 */
export function compressHostlist(names: readonly string[]): string {
  const numbersByPrefix = new Map<string, Set<string>>()
  for (const name of names) {
    const [prefix, digits] = splitNumber(name)
    const numbers = numbersByPrefix.get(prefix) ?? new Set()
    numbersByPrefix.set(prefix, numbers.add(digits))
  }
  const words: string[] = []
  for (const [prefix, numbers] of numbersByPrefix) {
    if (numbers.delete('')) words.push(prefix)
    const ranges = toRanges([...numbers])
    if (ranges.length === 1 && !ranges[0]?.includes('-')) words.push(`${prefix}${ranges[0]}`)
    else if (ranges.length > 0) words.push(`${prefix}[${ranges.join(',')}]`)
  }
  return words.join(',')
}

function splitOutsideBrackets(text: string): string[] {
  const words: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '[') depth++
    else if (character === ']') depth--
    else if (character === ',' && depth === 0) {
      words.push(text.slice(start, at))
      start = at + 1
    }
    if (depth < 0 || depth > 1) throw invalid(text, 'its brackets do not match')
  }
  if (depth !== 0) throw invalid(text, 'its brackets do not match')
  words.push(text.slice(start))
  return words
}

function expandWord(word: string, text: string, room: number): string[] {
  if (!/^[^\s,[\]]*(\[[^[\]]*\][^\s,[\]]*)*$/.test(word)) throw invalid(text, `"${word}" is not a name`)
  if (word === '') throw invalid(text, 'a name is empty')
  const parts = word.split(/\[([^\]]*)\]/)
  const ranges = parts.filter((_, index) => index % 2 === 1).map((part) => parseRanges(part, text))
  const count = ranges.reduce(
    (product, list) => product * list.reduce((sum, { low, high }) => sum + high - low + 1, 0),
    1,
  )
  if (count > room) throw invalid(text, `it stands for more than ${maximumHosts} names`)
  let names = [parts[0] ?? '']
  ranges.forEach((list, index) => {
    const after = parts[2 * index + 2] ?? ''
    names = names.flatMap((name) => list.flatMap((range) => numbersOf(range).map((number) => name + number + after)))
  })
  return names
}

function parseRanges(inner: string, text: string): NumberRange[] {
  return inner.split(',').map((item) => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(item)
    const lowText = match?.[1]
    if (lowText === undefined) throw invalid(text, `"${item}" is neither a number nor a range`)
    const highText = match?.[2] ?? lowText
    if (Math.max(lowText.length, highText.length) > maximumDigits) throw invalid(text, `"${item}" is too large`)
    const [low, high] = [Number(lowText), Number(highText)]
    if (low > high) throw invalid(text, `"${item}" runs backwards`)
    return { low, high, width: lowText.length }
  })
}

function numbersOf({ low, high, width }: NumberRange): string[] {
  return Array.from({ length: high - low + 1 }, (_, index) => String(low + index).padStart(width, '0'))
}

/** The name without the digits at its end, and those digits ('' if there are none). */
function splitNumber(name: string): [string, string] {
  if (name === '' || /[\s,[\]]/.test(name))
    throw invalid(name, 'a name can not be empty or have spaces, commas or brackets')
  const digits = /\d*$/.exec(name)?.[0] ?? ''
  if (digits.length > maximumDigits) return [name, '']
  return [name.slice(0, name.length - digits.length), digits]
}

/** `1-3`, `07-10`, `12`: runs in which each number is the one before plus one, written with the first one's width. */
function toRanges(numbers: readonly string[]): string[] {
  const sorted = [...numbers].sort((a, b) => a.length - b.length || Number(a) - Number(b))
  const ranges: { first: string; last: string }[] = []
  for (const digits of sorted) {
    const current = ranges.at(-1)
    if (current && String(Number(current.last) + 1).padStart(current.first.length, '0') === digits)
      current.last = digits
    else ranges.push({ first: digits, last: digits })
  }
  return ranges.map(({ first, last }) => (first === last ? first : `${first}-${last}`))
}

function invalid(text: string, why: string): CausewayError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}...` : text
  return new CausewayError('InvalidRequest', `"${shown}" is not a hostlist: ${why}`)
}
