import { Type } from 'typebox'
import { CausewayError } from '../base/errors.ts'

const msPerUnit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Powers of 1024 carry the `i` (IEC 80000-13), powers of 1000 don't. */
const bytesPerUnit = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
} as const

const expectedDuration = 'a duration such as "20s" or "5m" (a whole number and ms, s, m, h or d)'
const expectedSize = 'a size such as "1500MiB" or "2GB" (a whole number and B, kB, MB, GB, TB, KiB, MiB, GiB or TiB)'

/** Milliseconds of a duration such as `20s`; undefined when it is none, or too large to be exact. */
function readDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? []
  return exact(Number(count) * msPerUnit[unit as keyof typeof msPerUnit])
}

/** Bytes of a size such as `1500MiB`; undefined when it is none, or too large to be exact. */
function readSize(text: string): number | undefined {
  const [, count, unit] = /^(\d+)(B|[kMGT]B|[KMGT]iB)$/.exec(text) ?? []
  return exact(Number(count) * bytesPerUnit[unit as keyof typeof bytesPerUnit])
}

function exact(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined
}

/**
 * `20s` -> 20 000 milliseconds. A whole number, directly followed by its unit.
 * @throws CausewayError `InvalidConfig`
 */
export function parseDuration(text: string): number {
  return readDuration(text) ?? refuse(expectedDuration, text)
}

/**
 * `1500MiB` -> 1 572 864 000 bytes.
 * @throws CausewayError `InvalidConfig`
 */
export function parseSize(text: string): number {
  return readSize(text) ?? refuse(expectedSize, text)
}

/** Milliseconds as text that `parseDuration` reads back: `90000` -> `90s`. */
export function formatDuration(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((name) => ms !== 0 && ms % msPerUnit[name] === 0)
  return unit ? `${ms / msPerUnit[unit]}${unit}` : ms === 0 ? '0s' : `${ms}ms`
}

function refuse(expected: string, text: string): never {
  throw new CausewayError('InvalidConfig', `expected ${expected}, got ${JSON.stringify(text)}`)
}

/** Schema of a duration: text in the file (and in `default`, and in the bounds, both included), milliseconds once loaded. */
export function Duration(options: { default?: string; least?: string; most?: string } = {}) {
  const { least = '0ms', most, ...rest } = options
  const [low, high] = [parseDuration(least), most === undefined ? Number.MAX_SAFE_INTEGER : parseDuration(most)]
  const bounds = [options.least ? [`at least ${least}`] : [], most ? [`at most ${most}`] : []].flat()
  const expected = [expectedDuration, ...bounds].join(', ')
  const fits = (ms: number | undefined) => ms !== undefined && ms >= low && ms <= high
  return Type.Codec(Type.Refine(Type.String({ ...rest, expected }), (text) => fits(readDuration(text))))
    .Decode(parseDuration)
    .Encode((ms) => `${ms}ms`)
}

/** Schema of a size: text in the file (and in `default`), bytes once loaded. */
export function Size(options: { default?: string } = {}) {
  return Type.Codec(
    Type.Refine(Type.String({ ...options, expected: expectedSize }), (text) => readSize(text) !== undefined),
  )
    .Decode(parseSize)
    .Encode((bytes) => `${bytes}B`)
}
