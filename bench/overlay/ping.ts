/** One answer to a ping. */
export interface Reply {
  /** When it came, ms since 1970. */
  readonly atMs: number
  /** Round trip, ms. */
  readonly ms: number
}

/** The answers in what `ping -D -n` printed. */
export function parsePing(text: string): Reply[] {
  return [...text.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from .* time=([\d.]+) ms$/gm)].map(([, at, ms]) => ({
    atMs: Number(at) * 1000,
    ms: Number(ms),
  }))
}

/** Milliseconds from a moment, ms since 1970, to the first answer after it; undefined while there is none. */
export function firstAfter(replies: readonly Reply[], momentMs: number): number | undefined {
  const first = replies.find(({ atMs }) => atMs >= momentMs)
  return first && first.atMs - momentMs
}
