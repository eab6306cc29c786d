/** Connections that one body is fetched over at most: mirrors turn away who takes many more. */
export const mostConnections = 8

/** How much more two times as many connections must bring to be worth it. */
const worthwhile = 1.25

/** Milliseconds that must be left to go, at the rate of now, for more connections to be tried: it costs the open ranges. */
const worthMs = 3_000

/** Samples with new connections: in the first they come to speed, the second counts. */
const trial = 2

/** Milliseconds of round trip for each connection that a long body begins with. */
const perConnectionMs = 12

/** Milliseconds of round trip below which one connection is enough for any line: its window is worth 1 GB/s. */
const nearMs = 3

/** Bytes that each connection must have to bring to be worth its beginning. */
const worthBytes = 8 * 1024 * 1024

/** How many connections a body is fetched over, and what is known of how well that goes. Rates are bytes per millisecond. */
export interface Width {
  readonly connections: number
  /** Connections that may be tried. */
  readonly most: number
  /** Connections that have brought more than half as many: these are worth beginning with the next time. */
  readonly proven: number
  /** Samples since there are that many. */
  readonly samples: number
  /** What half as many connections gave, while these are on trial. */
  readonly half: number | undefined
  /** What these gave when they turned out not to bring more; undefined while more may be tried. */
  readonly held: number | undefined
}

/** What is known of a way before a body comes over it. */
export interface Way {
  /** Connections that brought more than half as many lately; 1 when nothing is known. */
  readonly proven: number
  /** From a request to the head of its answer. */
  readonly roundTripMs: number
  /** Bytes that are to come. */
  readonly bytes: number
}

/** How a body came in the last while. */
export interface Sample {
  /** The rate of all connections together. */
  readonly bytesPerMs: number
  /** Bytes that are still to come. */
  readonly bytesLeft: number
}

/**
 * One connection for each 12 ms of round trip, if each has 8 MiB to bring; more where more did well lately.
 *
 * A connection needs a number of round trips to come to speed, and then brings a window a round trip at most, 3 MB with the
 * usual limits of Linux: at 100 ms that is 30 MB/s, and the seconds in which it would be found out that more connections do
 * better are lost. On a short way one connection has filled the line before a second is made.
 */
export function startingWidth({ proven, roundTripMs, bytes }: Way): Width {
  const byDistance = Math.min(roundTripMs / perConnectionMs, bytes / worthBytes)
  const wished = Math.max(1, proven, byDistance)
  const connections = Math.min(mostConnections, 2 ** Math.floor(Math.log2(wished)))
  const most = wished === 1 && roundTripMs < nearMs ? 1 : mostConnections
  return { connections, most, proven, samples: 0, half: undefined, held: undefined }
}

/**
 * What to do after a sample of the total rate, taken over ten round trips or more.
 *
 * The rule: take twice as many connections, up to 8, and again as long as that brings a quarter more or better; where it
 * didn't, try again when the rate has fallen. Long or lossy ways gain, because each connection's window is its own limit (a
 * lossy one's rate is about MSS / RTT x 1.2 / sqrt(loss), Mathis et al. 1997; but at the beginning it may fill the line until
 * its first loss). On a clean way one connection fills the line already, and the second brings nothing: it stays all the
 * same, because the two have shared the line by then, and one of them alone would need seconds to fill it. Doubling
 * instead of adding one makes the gain that is looked for larger than the noise.
 */
export function afterSample(width: Width, { bytesPerMs, bytesLeft }: Sample): Width {
  const { connections, most, half, held } = width
  const samples = width.samples + 1
  if (samples < trial) return { ...width, samples }
  if (held !== undefined) {
    const fell = bytesPerMs * worthwhile < held
    return fell ? { ...width, samples: trial - 1, held: undefined } : { ...width, samples }
  }
  if (half !== undefined && bytesPerMs < half * worthwhile)
    return { ...width, samples, half: undefined, held: bytesPerMs }
  const proven = half === undefined ? width.proven : connections
  const soonOver = bytesLeft < bytesPerMs * worthMs
  if (connections >= most || soonOver) return { ...width, proven, samples, half: undefined }
  return { ...width, proven, connections: Math.min(most, connections * 2), samples: 0, half: bytesPerMs }
}
