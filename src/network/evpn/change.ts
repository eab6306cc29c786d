import { type FrrConfig, type Lines, liveChange } from './frr-config.ts'

/** What was found of a cluster's daemons on a gateway. */
export interface Found {
  readonly zebraRuns: boolean
  readonly bgpdRuns: boolean
  readonly config: FrrConfig
}

/** What must be done to a gateway's daemons. */
export interface Change {
  /** Both daemons are to be started; those that run, to be stopped first. */
  readonly start: boolean
  /** What is to be said to the running bgpd. */
  readonly live: Lines
  /** In words; none: nothing is to be done. */
  readonly words: readonly string[]
}

/**
 * The least that leads from what was found to what is wanted. Daemons that are started anew cost the cluster the routes of
 * this gateway, and at a reflector all of them, for about two seconds; so whatever can be said to the running bgpd is.
 * Neither daemon can be trusted to forget what it knew from an earlier life of the other: both are started, or none.
 */
export function changeOf(found: Found | null, wanted: FrrConfig): Change {
  const start = (why: string): Change => ({ start: true, live: [], words: [`frr: start zebra and bgpd${why}`] })
  if (found === null) return start('')
  if (!found.zebraRuns) return start(' again: zebra is gone')
  if (!found.bgpdRuns) return start(' again: bgpd is gone')
  if (found.config.zebra.join('\n') !== wanted.zebra.join('\n')) return start(' again: zebra.conf has changed')
  const live = liveChange(found.config.bgpd, wanted.bgpd)
  if (live === null) return start(' again: bgpd.conf has changed')
  return { start: false, live, words: live.slice(1).map((line) => `frr: ${line.trim()}`) }
}
