/** Connections that one body is fetched over at most. */
export const mostConnections = 8

/** How much more two times as many connections must bring to be worth it. */
const worthwhile = 1.25

/** A rate that grew by less than this from one sample to the next is what the connections give. */
const stillGrowing = 1.15

/** Samples that connections get to come to speed. */
const patience = 6

/** How many connections a body is fetched over, and what is known of how well that goes. */
export interface Width {
  readonly connections: number
  /** Bytes per millisecond that half as many connections gave; undefined before that is known. */
  readonly half: number | undefined
  /** Bytes per millisecond in the last sample with this many; undefined before the first. */
  readonly last: number | undefined
  /** Samples with this many connections. */
  readonly samples: number
  /** No more are tried. */
  readonly settled: boolean
}

/** One connection, or as many as did well lately on the same way. */
export function startingWidth(connections = 1): Width {
  return { connections, half: undefined, last: undefined, samples: 0, settled: connections >= mostConnections }
}

/**
 * What to do after a sample of the total rate, taken over a few round trips.
 *
 * The rule: wait until the rate doesn't grow by itself any more (a connection's slow start); then take twice as many
 * connections, up to 8. Where that brings a quarter more or better, go on in the same way; where it doesn't, go back to
 * half and stay. Long or lossy ways gain, because each connection's window is its own limit (a lossy one's rate is
 * about MSS / RTT x 1.2 / sqrt(loss), Mathis et al. 1997); on a clean way one connection fills the line already, and more
 * only take from one another. Doubling instead of adding one makes the gain that is looked for larger than the noise.
 */
export function afterSample(width: Width, bytesPerMs: number): Width {
  if (width.settled) return width
  const samples = width.samples + 1
  const growing = width.last === undefined || bytesPerMs > width.last * stillGrowing
  if (growing && samples < patience) return { ...width, last: Math.max(bytesPerMs, width.last ?? 0), samples }
  const rate = Math.max(bytesPerMs, width.last ?? 0)
  if (width.half !== undefined && rate < width.half * worthwhile) {
    const connections = Math.max(1, width.connections / 2)
    return { connections, half: undefined, last: undefined, samples: 0, settled: true }
  }
  if (width.connections >= mostConnections) return { ...width, settled: true }
  const connections = Math.min(mostConnections, width.connections * 2)
  return { connections, half: rate, last: undefined, samples: 0, settled: false }
}
