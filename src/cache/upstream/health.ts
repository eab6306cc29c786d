import { httpDate } from '../rules/http-date.ts'

/** What is known of how a place answers. A value: each thing that happens makes a new one. */
export interface Health {
  /** `away` can't be talked to; `poor` answers, but badly: it is asked when no other is left. */
  readonly state: 'well' | 'poor' | 'away'
  /** Since when it is so, and until when it is passed over; milliseconds since the epoch. */
  readonly sinceMs: number
  readonly untilMs: number
  /** What went wrong last; '' when it is well. */
  readonly why: string
  /** Milliseconds that it took to find out. */
  readonly verdictMs: number
  /** Failures since its last good answer. */
  readonly failures: number
  /** Smoothed milliseconds from a request to the head of its answer; undefined before the first. */
  readonly headMs: number | undefined
  /** Smoothed bytes per millisecond of long bodies; undefined before the first. */
  readonly rate: number | undefined
  /** Of a sibling: the smoothed share of requests that it had the file for, as of when. */
  readonly had: number
  readonly hadAsOfMs: number
}

export const unknownHealth: Health = {
  state: 'well',
  sinceMs: 0,
  untilMs: 0,
  why: '',
  verdictMs: 0,
  failures: 0,
  headMs: undefined,
  rate: undefined,
  had: 0.5,
  hadAsOfMs: 0,
}

/** Milliseconds that a place is passed over after its first failure, and at most. */
const firstHoldMs = 1_000
const longestHoldMs = 30_000

/** How much the newest measurement counts. */
const newest = 0.25

/** Bodies shorter than this say more of the delay than of the rate. */
const longBodyBytes = 256 * 1024

/** Milliseconds after which half of what is known of a sibling's share is forgotten: it fills up meanwhile. */
const shareHalfLifeMs = 30_000

/** A good answer began `headMs` after its request. */
export function answered(health: Health, headMs: number, nowMs: number): Health {
  const sinceMs = health.state === 'well' ? health.sinceMs : nowMs
  return {
    ...health,
    state: 'well',
    sinceMs,
    untilMs: 0,
    why: '',
    failures: 0,
    headMs: smoothed(health.headMs, headMs),
  }
}

/** A body of so many bytes has come in so many milliseconds. */
export function transferred(health: Health, bytes: number, ms: number): Health {
  return bytes < longBodyBytes ? health : { ...health, rate: smoothed(health.rate, bytes / Math.max(1, ms)) }
}

/** Something that went wrong with a place. */
export interface Failure {
  readonly state: 'poor' | 'away'
  readonly why: string
  /** Milliseconds that it took to find out. */
  readonly verdictMs: number
  /** Milliseconds that the place itself wants to be left alone (Retry-After). */
  readonly retryAfterMs?: number
}

/**
 * Milliseconds that an answer's `Retry-After` asks to be left alone for, in seconds or by a date, which counts from the answer's
 * own `Date` (RFC 9110, section 10.2.3); 0: it doesn't say.
 */
export function retryAfterMs(retryAfter = '', date?: string): number {
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1000
  return Math.max(0, httpDate(retryAfter) - httpDate(date)) || 0
}

/**
 * It failed: it is passed over for a second, twice as long after each further failure, at most 30 seconds.
 * @param random From 0 to 1: spreads the holds by a quarter, so that caches don't come back all at once.
 */
export function failed(health: Health, failure: Failure, nowMs: number, random: number): Health {
  const failures = health.failures + 1
  const holdMs = Math.min(longestHoldMs, firstHoldMs * 2 ** Math.min(failures - 1, 10)) * (0.75 + random / 4)
  const wishedMs = Math.min(longestHoldMs, failure.retryAfterMs ?? 0)
  return {
    ...health,
    state: failure.state,
    sinceMs: health.state === failure.state ? health.sinceMs : nowMs,
    untilMs: nowMs + Math.max(holdMs, wishedMs),
    why: failure.why,
    verdictMs: failure.verdictMs,
    failures,
  }
}

/** It takes connections again. Only a good answer makes its failures forgotten: some take connections and say nothing. */
export function reachable(health: Health, nowMs: number): Health {
  return health.state === 'away' ? { ...health, state: 'well', sinceMs: nowMs, untilMs: 0, why: '' } : health
}

/** Whether it is to be passed over where there is another. What was poor is tried again when its hold ends. */
export function isHeld(health: Health, nowMs: number): boolean {
  return health.state === 'away' || (health.state === 'poor' && nowMs < health.untilMs)
}

/** A sibling had a file, or hadn't. */
export function asked(health: Health, had: boolean, nowMs: number): Health {
  return { ...health, had: smoothed(shareAt(health, nowMs), had ? 1 : 0), hadAsOfMs: nowMs }
}

/** A sibling's share as it may be now: what was measured, drawn towards one half as time goes by. */
export function shareAt({ had, hadAsOfMs }: Health, nowMs: number): number {
  const kept = 0.5 ** (Math.max(0, nowMs - hadAsOfMs) / shareHalfLifeMs)
  return 0.5 + (had - 0.5) * kept
}

function smoothed(before: number | undefined, now: number): number {
  return before === undefined ? now : before + newest * (now - before)
}
