/** Names of what Causeway makes in a cell. Each is made once (`setup.ts`) and never removed. */
export const names = {
  /** Complexes that jobs can ask for: `-l site=east`, `-l 'type=small|large'`, `-l exclusive`, `-l gpu=1`. */
  site: 'site',
  type: 'type',
  exclusive: 'exclusive',
  gpu: 'gpu',
  /** A host's complex: why it takes no jobs, for Grid Engine has no place for that; administrators can use it too. */
  drainReason: 'drain_reason',
  /** A host's complex: its features, with `+` between them. */
  features: 'node_features',
} as const

/** In a job's context: what makes a hold ours, with the reason. */
export const holdMark = 'causeway_hold'
/** In a job's context: why it is where it is. */
export const explainMark = 'causeway'
/** In a job's context: `any` lets its nodes be at several sites. `qsub -ac causeway_sites=any`. */
export const sitesMark = 'causeway_sites'

/** A text as the value of a host's complex: one word, without what lists of them are written with. */
export function encodeValue(text: string): string {
  return encodeContext(text).replaceAll(' ', '%20')
}

/** A text as a value in a job's context, where blanks may stay. */
export function encodeContext(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 200)
    .replaceAll(/[^\w .:;/()+@-]/gu, (mark) => (/[!'*~]/.test(mark) ? `%${hex(mark)}` : encodeURIComponent(mark)))
}

/** What these wrote; what somebody else wrote stays as it is. */
export function decodeText(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

function hex(mark: string): string {
  return mark.charCodeAt(0).toString(16).toUpperCase()
}
