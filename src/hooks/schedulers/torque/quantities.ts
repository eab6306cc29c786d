import { malformed } from './xml.ts'

const seconds = [1, 60, 3600, 86_400]

/** `[[[DD:]HH:]MM:]SS`, with or without a fraction, as ms; null for ''. */
export function durationMs(text: string, where: string): number | null {
  if (text === '') return null
  if (!/^(\d{1,9}:){0,3}\d{1,12}(\.\d+)?$/.test(text)) throw malformed(where, `is no time: "${text.slice(0, 80)}"`)
  const parts = text.split(':').toReversed()
  return parts.reduce((sum, part, k) => sum + Math.floor(Number(part)) * (seconds[k] ?? 0), 0) * 1000
}

/** `w` is a word of 8 bytes. Powers of 1024. */
const sizePattern = /^(\d{1,15})([kmgtp]?)([bw]?)$/i

/** `100mb`, `24684084kb`, `512` (bytes), `2gw` in MiB, rounded up; null for ''. */
export function sizeMiB(text: string, where: string): number | null {
  if (text === '') return null
  const match = sizePattern.exec(text)
  if (!match) throw malformed(where, `is no size: "${text.slice(0, 80)}"`)
  const [, number = '0', prefix = '', unit = 'b'] = match
  const bytes = Number(number) * 1024 ** ' kmgtp'.indexOf(prefix.toLowerCase() || ' ')
  return Math.ceil((bytes * (unit.toLowerCase() === 'w' ? 8 : 1)) / 2 ** 20)
}
