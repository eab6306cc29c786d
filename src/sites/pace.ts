import type { Driver } from './driver.ts'

/** The calls of a driver that are paced. */
export type PacedCall = Exclude<keyof Driver, 'site' | 'close'>

/** How fast a site may be called. */
export interface PaceLimits {
  /** Calls that run at the same time. */
  readonly inFlight: number
  /** Calls a second, in the long run. */
  readonly perSecond: number
  /** Calls that may come at once after a quiet time. */
  readonly burst: number
}

/** What the next call depends on. */
export interface PaceState {
  /** Calls that may begin at once, as of `atMs`. */
  readonly tokens: number
  readonly atMs: number
  /** Calls that run now. */
  readonly inFlight: number
  /** Until when the site does not want calls of a kind, ms since the epoch. */
  readonly heldUntilMs: Readonly<Partial<Record<PacedCall, number>>>
}

/** What to do now: begin the call at this place of the queue, or look again, at some time or (null) once a call has ended. */
export type Pacing =
  | { readonly kind: 'begin'; readonly index: number; readonly state: PaceState }
  | { readonly kind: 'wait'; readonly untilMs: number | null }

/** The pace of a site that was not called yet. */
export function restedPace({ burst }: PaceLimits, now: number): PaceState {
  return { tokens: burst, atMs: now, inFlight: 0, heldUntilMs: {} }
}

/**
 * Which of the waiting calls begins now. `list` comes before all others: without it nothing is known of the site. The others
 * begin in the order in which they came, but those of a kind that the site does not want are passed by.
 */
export function nextCall(state: PaceState, limits: PaceLimits, waiting: readonly PacedCall[], now: number): Pacing {
  const heldUntil = (call: PacedCall) => state.heldUntilMs[call] ?? 0
  const free = waiting.map((call, index) => ({ call, index })).filter(({ call }) => heldUntil(call) <= now)
  const next = free.find(({ call }) => call === 'list') ?? free[0]
  if (state.inFlight >= limits.inFlight || waiting.length === 0) return { kind: 'wait', untilMs: null }
  if (!next) return { kind: 'wait', untilMs: Math.min(...waiting.map(heldUntil)) }
  // A clock that was put back gives nothing and takes nothing.
  const gained = (Math.max(0, now - state.atMs) * limits.perSecond) / 1000
  const tokens = Math.min(limits.burst, state.tokens + gained)
  if (tokens < 1) return { kind: 'wait', untilMs: now + Math.ceil(((1 - tokens) * 1000) / limits.perSecond) }
  return {
    kind: 'begin',
    index: next.index,
    state: { ...state, tokens: tokens - 1, atMs: now, inFlight: state.inFlight + 1 },
  }
}

/** The pace once a call has ended; `retryAfterMs`: the site did not want it, and for how long it does not. */
export function endCall(state: PaceState, call: PacedCall, now: number, retryAfterMs: number | null): PaceState {
  const inFlight = state.inFlight - 1
  if (retryAfterMs === null) return { ...state, inFlight }
  const until = Math.max(state.heldUntilMs[call] ?? 0, now + retryAfterMs)
  return { ...state, inFlight, heldUntilMs: { ...state.heldUntilMs, [call]: until } }
}
