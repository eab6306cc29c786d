import { Type } from 'typebox'
import { Whole } from '../fields.ts'

/** How fast a site may be called, unless said otherwise as fast as `usual`. */
export function Pace(usual = { inFlight: 8, perSecond: 10, burst: 20 }) {
  return Type.Object(
    {
      /** Calls that run at the same time. */
      inFlight: Whole(1, 1000, { default: usual.inFlight }),
      /** Calls a second, in the long run. */
      perSecond: Type.Number({
        minimum: 0.01,
        maximum: 1000,
        expected: 'a number from 0.01 to 1000',
        default: usual.perSecond,
      }),
      /** Calls that may come at once after a quiet time. */
      burst: Whole(1, 1000, { default: usual.burst }),
    },
    { default: {} },
  )
}
