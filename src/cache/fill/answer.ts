import type { AskedRange } from './asked-range.ts'
import type { Fill } from './fill.ts'

/** How a URL can be answered: from the store (read it there), or from a body on its way. */
export type Answer =
  | { readonly kind: 'kept'; readonly outcome: 'hit' | 'revalidated' | 'stale' }
  | { readonly kind: 'arriving'; readonly fill: Fill }

/** How something is wanted. */
export interface Join {
  /** Only this part; default: all of it. */
  readonly range?: AskedRange | undefined
  /** A client waits for it (default), or the cache itself brings it ahead of need. */
  readonly urgency?: 'client' | 'ahead'
  /** The origin is to be asked also about what is kept and fresh. */
  readonly askAgain?: boolean
}
