import type { Kind } from '../formats/kinds.ts'
import { type Health, isHeld, shareAt } from './health.ts'
import type { Place } from './places.ts'

/** A place, and how it does. */
export interface Candidate {
  readonly place: Place
  readonly health: Health
}

/** What is known of what is asked for. */
export interface Asking {
  readonly kind: Kind
  /** It carries credentials: they are for the origin only, and for the parent that stands for it. */
  readonly personal: boolean
  /** It goes on with what one place began: whether another would be better is no question. */
  readonly pinned: boolean
  readonly nowMs: number
}

/** Bytes by which places are compared: the time for so many is what a place costs. */
const typicalBytes = 256 * 1024

/** What is taken for the cost of an origin that has not been measured yet, in milliseconds. */
const unknownCostMs = 500

/** A verdict that came within so many milliseconds can be had again at that price. */
const quickMs = 250

/**
 * In which order to ask.
 *
 * Siblings that are worth a question come first, then the parent, the origin and its mirrors as they are configured; of
 * files that never change, a place that is clearly slower than a later one comes after it. (Of others not: mirrors lag
 * behind, and going back and forth between them would go back and forth in time.) What answers badly comes last; what is
 * away isn't in it, except where it said so at once and there is no other hope.
 */
export function orderOf(candidates: readonly Candidate[], asking: Asking): Place[] {
  const { nowMs, personal, kind, pinned } = asking
  if (pinned) return candidates.filter(({ health }) => mayAsk(health)).map(({ place }) => place)
  const own = candidates.filter(({ place }) => place.role === 'origin' || (place.role === 'mirror' && !personal))
  const well = own.filter(({ health }) => !isHeld(health, nowMs))
  const parents = candidates.filter(({ place }) => place.role === 'parent')
  const instead = parents.find(({ health }) => !isHeld(health, nowMs)) ?? well[0]
  const others = [...parents, ...own]
  return [
    ...(personal || kind === 'index' ? [] : siblingsFor(candidates, instead?.health, nowMs)),
    ...parents.filter(({ health }) => !isHeld(health, nowMs)),
    ...(kind === 'package' ? quickFirst(well) : well),
    ...others.filter(({ health }) => health.state === 'poor' && isHeld(health, nowMs)),
    ...others.filter(({ health }) => health.state === 'away' && mayAsk(health)),
  ].map(({ place }) => place)
}

/** Whether there is hope, or at least an answer at once. */
function mayAsk({ state, verdictMs }: Health): boolean {
  return state !== 'away' || verdictMs <= quickMs
}

/** The siblings that are worth a question, the nearest first. */
function siblingsFor(candidates: readonly Candidate[], origin: Health | undefined, nowMs: number): Candidate[] {
  return candidates
    .filter(({ place, health }) => place.role === 'sibling' && !isHeld(health, nowMs))
    .filter(({ health }) => isWorthAsking(health, origin, nowMs))
    .toSorted((a, b) => (costOf(a.health) ?? 0) - (costOf(b.health) ?? 0))
}

/**
 * Whether a sibling is worth a question before the origin: what it saves when it has the file must outweigh what the
 * question costs when it hasn't. It may be half as slow again as the origin, and 10 ms, for what it spares the origin
 * and the line; one that has not been measured is asked, one that never has anything is tried again now and then.
 * @param origin Undefined: the origin is away.
 */
export function isWorthAsking(sibling: Health, origin: Health | undefined, nowMs: number): boolean {
  const cost = costOf(sibling)
  if (origin === undefined || cost === undefined || sibling.headMs === undefined) return true
  const share = shareAt(sibling, nowMs)
  return (1 - share) * sibling.headMs + share * cost <= share * 1.5 * (costOf(origin) ?? unknownCostMs) + 10
}

/** Milliseconds for a typical file; undefined for a place that has not been measured. */
export function costOf({ headMs, rate }: Health): number | undefined {
  return headMs === undefined ? undefined : headMs + (rate === undefined ? 0 : typicalBytes / rate)
}

/** As they are, but what costs more than twice as much as a later one, and 50 ms, goes after it. */
function quickFirst(candidates: readonly Candidate[]): Candidate[] {
  const best = Math.min(...candidates.map(({ health }) => costOf(health) ?? Number.POSITIVE_INFINITY))
  const isSlow = ({ health }: Candidate) => (costOf(health) ?? 0) > 2 * best + 50
  return [...candidates.filter((each) => !isSlow(each)), ...candidates.filter(isSlow)]
}
