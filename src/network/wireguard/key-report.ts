/** The state of the tunnels' keys, for people. Plain data. */
export interface KeyReport {
  /** The latest generation, 0 for the first keys. */
  readonly generation: number
  /** When it began, ms since the epoch. */
  readonly beganAtMs: number
  /** Whether keys are being changed: the older ones are still in use somewhere. */
  readonly changing: boolean
  /** What the change waits for, in words. */
  readonly waitsFor: readonly string[]
  readonly gateways: readonly {
    readonly name: string
    /** The generations that it has told a key of, latest first. */
    readonly generations: readonly number[]
    /** While keys are changed: those that it has shaken hands with by the latest keys. */
    readonly linked: readonly string[]
    /** Whether all its traffic goes by the latest keys. */
    readonly moved: boolean
    /** Why it could not be asked the last time; null when it could. */
    readonly problem: string | null
  }[]
}
