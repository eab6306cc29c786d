import type { Echoes } from './prober.ts'

/** Whether a path carries packets; `unknown` until enough was seen. */
export type PathState = 'good' | 'broken' | 'unknown'

/** Rounds without any answer after which a path is broken: one lost packet, or one lost round, is none. */
const breaksAfter = 3

/** Rounds with answers after which a broken path is good again. */
const healsAfter = 2

/** Rounds that loss and round trips are told of. */
const remembered = 12

/** Packets that must have been sent before a share of them is worth telling. */
const enough = 20

/** What was seen of a path from one gateway to another. Immutable. */
export interface PathRecord {
  readonly state: PathState
  /** Rounds in a row with no answer, and with some. */
  readonly silent: number
  readonly answered: number
  /** The latest ones; since it was broken last, none from before. */
  readonly rounds: readonly Echoes[]
  readonly measuredAtMs: number | null
}

/** Of a path that nobody has looked at. */
export const unmeasured: PathRecord = { state: 'unknown', silent: 0, answered: 0, rounds: [], measuredAtMs: null }

/** The record after one more round. It takes several to change from good to broken and back, so that it does not flutter. */
export function afterRound(before: PathRecord, echoes: Echoes, nowMs: number): PathRecord {
  const isSilent = echoes.rttsMs.length === 0
  const silent = isSilent ? before.silent + 1 : 0
  const answered = isSilent ? 0 : before.answered + 1
  const state = nextState(before.state, silent, answered)
  // How much was lost while nothing passed, or before there was a path at all, says nothing of what passes now.
  const isFirst = !isSilent && before.rounds.every(({ rttsMs }) => rttsMs.length === 0)
  const healed = before.state === 'broken' && state === 'good'
  const kept = isFirst ? 1 : healed ? healsAfter : remembered
  const rounds = [...before.rounds, echoes].slice(-kept)
  return { state, silent, answered, rounds, measuredAtMs: nowMs }
}

function nextState(before: PathState, silent: number, answered: number): PathState {
  if (silent >= breaksAfter) return 'broken'
  if (answered >= (before === 'broken' ? healsAfter : 1)) return 'good'
  return before
}

/** The mean and the least round trip of the latest rounds, ms; null when nothing was answered. */
export function roundTrips({ rounds }: PathRecord): { readonly meanMs: number; readonly leastMs: number } | null {
  const all = rounds.flatMap(({ rttsMs }) => rttsMs)
  if (all.length === 0) return null
  return { meanMs: all.reduce((sum, ms) => sum + ms, 0) / all.length, leastMs: Math.min(...all) }
}

/** The share of packets that were lost in the latest rounds, 0 to 1; null until there were enough to tell. */
export function loss({ rounds }: PathRecord): number | null {
  const sent = rounds.reduce((sum, round) => sum + round.sent, 0)
  const answered = rounds.reduce((sum, round) => sum + round.rttsMs.length, 0)
  return sent < enough ? null : (sent - answered) / sent
}
