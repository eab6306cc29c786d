/** How much patience a fill has, and how much memory. */
export interface Limits {
  /** A transfer that brings fewer than `stallBytes` in this time is given up; milliseconds. */
  readonly stallMs: number
  readonly stallBytes: number
  /** Failures in a row, without a byte between them, after which a fill is broken. */
  readonly failures: number
  /** How long to wait after the first failure in a row; twice as long after each more, up to `longestPauseMs`. */
  readonly pauseMs: number
  readonly longestPauseMs: number
  /** Bytes that a body may have whose length its origin doesn't say. */
  readonly unannouncedBytes: number
  /** For how long a fill that nobody wants more of stays open for those who come at once; milliseconds. */
  readonly lingerMs: number
  /** How long followers at the front of a fill wait for more than a few bytes; milliseconds. */
  readonly gatherMs: number
  /** Bytes of a body that isn't written to disk that are in memory. */
  readonly windowBytes: number
  /** Bytes of blocks that are on disk but stay in memory for followers, of all fills together. */
  readonly recentBytes: number
  /** The least time between two looks at the rate; milliseconds. */
  readonly sampleMs: number
}

export const usualLimits: Limits = {
  stallMs: 10_000,
  stallBytes: 4096,
  failures: 5,
  pauseMs: 100,
  longestPauseMs: 3_000,
  unannouncedBytes: 16 * 1024 ** 3,
  lingerMs: 250,
  gatherMs: 5,
  windowBytes: 1024 * 1024,
  recentBytes: 8 * 1024 * 1024,
  sampleMs: 250,
}
