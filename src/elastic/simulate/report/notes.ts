import type { Trace } from '../trace.ts'
import { numberText } from './numbers.ts'

/** What a report says about a trace besides its name. */
export type TraceNotes = Pick<Trace, 'bad' | 'leftOut'>

/** What was left out of a trace, a text each: `left out: 12 (never ran)`, `broken lines: 2`. */
export function noteTexts(notes: TraceNotes): readonly string[] {
  const texts = notes.leftOut.map(({ why, jobs }) => `left out: ${numberText(jobs)} (${why})`)
  if (notes.bad.length > 0) texts.push(`broken lines: ${numberText(notes.bad.length)}`)
  return texts
}
