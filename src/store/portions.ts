/** Sizes of lists in one statement, largest first: few sizes, so that each statement is prepared once and used again. */
const sizes = [64, 8, 1]

/** The list in pieces for statements of several rows, in order. */
export function* portions<T>(list: readonly T[]): Generator<readonly T[]> {
  let first = 0
  for (const size of sizes) {
    for (; first + size <= list.length; first += size) yield list.slice(first, first + size)
  }
}
