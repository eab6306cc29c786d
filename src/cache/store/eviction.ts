/** Milliseconds that asking an origin costs however small the answer is. */
const leastFetchMs = 5

/** Milliseconds; what says that it took longer was measured across a jump of the clock. */
const mostFetchMs = 60 * 60 * 1000

/** Bytes that a body takes besides its own: its file's last block, its row. */
const overheadBytes = 4096

/** What makes a body worth keeping. */
export interface Worth {
  /** Bytes of the body. */
  readonly length: number
  /** Times that it was found since it is kept. */
  readonly uses: number
  /** Milliseconds that fetching it took. */
  readonly fetchMs: number
}

/**
 * The value of a body: the time that keeping it saves for each byte that it takes, above `floor`.
 *
 * GreedyDual-Size-Frequency: `H = L + frequency * cost / size` (L. Cherkasova, "Improving WWW Proxies Performance with
 * Greedy-Dual-Size-Frequency Caching Policy", HP Laboratories HPL-98-69R1, 1998). `L`, here `floor`, is the value of
 * what was evicted last; a value is reckoned anew with the floor of the day whenever the body is used. So what nobody
 * asks for is overtaken in the end, however valuable it was, and no clock is needed.
 */
export function valueOf({ length, uses, fetchMs }: Worth, floor: number): number {
  const cost = Math.min(Math.max(0, fetchMs), mostFetchMs) + leastFetchMs
  return floor + ((uses + 1) * cost) / (length + overheadBytes)
}

/** A body that could go. */
export interface Candidate {
  readonly id: number
  readonly sha256: string
  readonly length: number
  readonly value: number
  readonly pinned: boolean
}

/**
 * Which bodies go to make room for `need` bytes: the least valuable first, never one that is pinned or held open.
 * @param candidates In any order.
 */
export function chooseVictims(
  candidates: readonly Candidate[],
  need: number,
  isOpen: (id: number) => boolean,
): Candidate[] {
  const victims: Candidate[] = []
  let freed = 0
  for (const candidate of candidates.toSorted((a, b) => a.value - b.value)) {
    if (freed >= need) break
    if (candidate.pinned || isOpen(candidate.id)) continue
    victims.push(candidate)
    freed += candidate.length
  }
  return victims
}

/** Milliseconds after which nobody is likely to go on with a transfer that was broken off. */
export const oldPartialMs = 60 * 60 * 1000

/** Whether a broken-off transfer goes before any body does. A clock that was set back makes nothing old. */
export function isOld(suspendedAtMs: number, nowMs: number): boolean {
  return nowMs - suspendedAtMs >= oldPartialMs
}
