import { type FrrConfig, type Lines, liveChange } from './frr-config.ts'

/** What was found of a cluster's daemons on a gateway. */
export interface Found {
  readonly zebraRuns: boolean
  readonly bgpdRuns: boolean
  readonly config: FrrConfig
}

/** What must be done to a gateway's daemons. */
export interface Change {
  /** The daemons to be started, or, where they run, stopped and started. */
  readonly start: 'both' | 'bgpd' | 'none'
  /** What is to be said to the running bgpd. */
  readonly live: Lines
  /** In words; none: nothing is to be done. */
  readonly words: readonly string[]
}

/**
 * The least that leads from what was found to what is wanted. A bgpd that is started anew costs the cluster the routes of
 * this gateway, and at a reflector all of them, for about two seconds; so whatever can be said to the running one is.
 * zebra never gets a new bgpd to learn from, or the reverse: where it is gone, both are started.
 */
export function changeOf(found: Found | null, wanted: FrrConfig): Change {
  if (found === null) return { start: 'both', live: [], words: ['frr: start zebra and bgpd'] }
  if (!found.zebraRuns) return { start: 'both', live: [], words: ['frr: start zebra and bgpd again: zebra is gone'] }
  if (found.config.zebra.join('\n') !== wanted.zebra.join('\n')) {
    return { start: 'both', live: [], words: ['frr: start zebra and bgpd again: zebra.conf has changed'] }
  }
  if (!found.bgpdRuns) return { start: 'bgpd', live: [], words: ['frr: start bgpd again: it is gone'] }
  const live = liveChange(found.config.bgpd, wanted.bgpd)
  if (live === null) return { start: 'bgpd', live: [], words: ['frr: start bgpd again: bgpd.conf has changed'] }
  return { start: 'none', live, words: live.slice(1).map((line) => `frr: ${line.trim()}`) }
}
