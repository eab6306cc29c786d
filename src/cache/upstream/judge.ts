import type { Place } from './places.ts'

/**
 * What an answer of a place is worth:
 * - `answer`: it goes to whoever asked.
 * - `next`: another place may have it; this one's word doesn't count.
 * - `last`: another place may do better; it is the answer when none does.
 */
export interface Judgement {
  readonly verdict: 'answer' | 'next' | 'last'
  readonly why: string
}

/** Judges by role and status: an origin's "not found" is true, a mirror's only says that the mirror hasn't got it. */
export function judge(role: Place['role'], status: number): Judgement {
  const why = `it answered ${status}`
  const failed = status >= 500 || status === 429
  if (role === 'origin') return { verdict: failed ? 'last' : 'answer', why }
  if (role === 'parent') return { verdict: failed || isRefusal(status) ? 'next' : 'answer', why }
  return { verdict: status === 200 || status === 206 || status === 304 ? 'answer' : 'next', why }
}

/** A cache says so where the fault lies with who asks: an origin that it isn't configured for, a loop. */
function isRefusal(status: number): boolean {
  return [400, 403, 405, 407, 421].includes(status)
}
