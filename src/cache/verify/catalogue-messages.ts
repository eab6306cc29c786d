import type { ErrorCode } from '../../base/errors.ts'
import type { Suite } from '../formats/format.ts'
import type { VersionName } from './package-rows.ts'

/** What the thread that writes the catalogue is told to do. Every order has an `end`, in the order of the orders. */
export type Order =
  | {
      readonly does: 'learn'
      readonly version: VersionName
      readonly suite: Suite
      /** Hosts besides its own that the index may speak for. */
      readonly speaksFor: readonly string[]
    }
  | { readonly does: 'retain'; readonly versions: readonly VersionName[] }
  /** A piece of the index that is being learned; null is the end. */
  | { readonly does: 'feed'; readonly chunk: Uint8Array | null }
  /** The index can't be read any further: what was noted of it is dropped. */
  | { readonly does: 'break' }

export interface Failure {
  readonly code: ErrorCode
  readonly message: string
  /** Whether the database is damaged. */
  readonly damage: boolean
}

/** What it says: that it wants one more piece, and how an order ended. */
export type Report = { readonly said: 'more' } | { readonly said: 'end'; readonly failure: Failure | undefined }
