/** What is known of the largest packet that passes on a path. Sizes are of IP packets, bytes. Immutable. */
export interface MtuSearch {
  /** What may be asked for. */
  readonly least: number
  readonly most: number
  /** The largest size that is known to pass; null until one was found, or when not even `least` does. */
  readonly bytes: number | null
  /** The largest that passed and the smallest that did not, while it is searched for; null when it is found. */
  readonly open: { readonly passes: number; readonly fails: number } | null
  /** How often in a row the known size did not pass though small packets did. */
  readonly failures: number
  readonly foundAtMs: number | null
}

/** Sizes that are tried at the same time. */
const atOnce = 12

/** A size that was known to pass and does not, so often in a row, is searched anew. */
const failuresBeforeSearch = 2

/** How long a size below the largest possible is trusted before a larger one is looked for, ms. */
const trustMs = 3_600_000

/** Nothing is known yet. Most often the largest size passes: it is tried first. */
export function newSearch(least: number, most: number): MtuSearch {
  return { least, most, bytes: null, open: { passes: least - 1, fails: most + 1 }, failures: 0, foundAtMs: null }
}

/** What to try now: the known size, as long as it passes; while searching, sizes that narrow it down to a twelfth. */
export function sizesToTry({ least, most, bytes, open }: MtuSearch): number[] {
  if (!open) return [bytes ?? least]
  const { passes, fails } = open
  if (passes < least && fails > most) return [most]
  const room = fails - passes - 1
  const count = Math.min(atOnce, room)
  return Array.from({ length: count }, (_, i) => passes + Math.ceil(((i + 1) * room) / count))
}

/**
 * What is known after these sizes were tried. Only to be told where small packets passed at the same time: otherwise nothing
 * is learned of sizes.
 */
export function afterTries(before: MtuSearch, tries: ReadonlyMap<number, boolean>, nowMs: number): MtuSearch {
  return before.open ? narrowed(before, before.open, tries, nowMs) : checked(before, tries, nowMs)
}

function checked(before: MtuSearch, tries: ReadonlyMap<number, boolean>, nowMs: number): MtuSearch {
  const { least, most, bytes, foundAtMs } = before
  if (bytes === null) {
    return tries.get(least) === true ? { ...before, open: { passes: least, fails: most + 1 } } : before
  }
  if (tries.get(bytes) !== true) {
    const failures = before.failures + 1
    if (failures < failuresBeforeSearch) return { ...before, failures }
    // It may still have been chance: the size itself is tried once more.
    return { ...before, failures: 0, open: { passes: least - 1, fails: bytes + 1 } }
  }
  const isOld = bytes < most && nowMs - (foundAtMs ?? 0) >= trustMs
  return { ...before, failures: 0, open: isOld ? { passes: bytes, fails: most + 1 } : null }
}

/** A packet may be lost by chance: the largest that passed counts, and of those above it the smallest that did not. */
function narrowed(
  before: MtuSearch,
  open: { passes: number; fails: number },
  tries: ReadonlyMap<number, boolean>,
  nowMs: number,
): MtuSearch {
  const sizes = [...tries]
  const passes = Math.max(open.passes, ...sizes.flatMap(([size, passed]) => (passed ? size : [])))
  const failed = sizes.flatMap(([size, passed]) => (!passed && size > passes ? size : []))
  const fails = Math.min(open.fails, ...failed)
  if (fails - passes > 1) return { ...before, open: { passes, fails } }
  return { ...before, bytes: passes < before.least ? null : passes, open: null, failures: 0, foundAtMs: nowMs }
}
