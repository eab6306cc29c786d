/** One measured case, ours beside a peer's in the same run. */
export interface BenchRow {
  readonly case: string
  readonly unit: string
  readonly ours: number
  /** The peer's name; null when there is none. */
  readonly peer: string | null
  readonly theirs: number | null
  /** Ours to theirs, so that above 1 is better for us (inverted for units where less is better); null without a peer. */
  readonly ratio: number | null
  /** The least ratio to reach, or where there is no peer the most that `ours` may be; null when it is only watched. */
  readonly goal: number | null
}

/** Further results that are no comparison of two, as text. */
export interface BenchTable {
  readonly title: string
  readonly columns: readonly string[]
  /** Each with as many cells as there are columns; the first is a name. */
  readonly rows: readonly (readonly string[])[]
}

/** What a benchmark's `run` gives back. */
export interface BenchReport {
  readonly name: string
  readonly rows: readonly BenchRow[]
  readonly tables?: readonly BenchTable[]
}

/** Whether a row reached its goal; null when it has none. */
export function met({ ours, ratio, goal }: BenchRow): boolean | null {
  if (goal === null) return null
  return ratio === null ? ours <= goal : ratio >= goal
}

/** A row with a peer; `better` says which direction of the unit is good. */
export function against(
  peer: string,
  row: { case: string; unit: string; better: 'more' | 'less'; ours: number; theirs: number; goal: number | null },
): BenchRow {
  const { better, ours, theirs, ...rest } = row
  const ratio = better === 'more' ? ours / theirs : theirs / ours
  return { ...rest, ours: round(ours), peer, theirs: round(theirs), ratio: round(ratio) }
}

/** A row without a peer. */
export function alone(row: { case: string; unit: string; ours: number; goal: number | null }): BenchRow {
  return {
    case: row.case,
    unit: row.unit,
    ours: round(row.ours),
    peer: null,
    theirs: null,
    ratio: null,
    goal: row.goal,
  }
}

/** Three digits that mean something. */
function round(value: number): number {
  return Number(value.toPrecision(3))
}
