import { Type } from 'typebox'
import { reader } from '../../src/network/json-reader.ts'

const Sum = Type.Object({ bytes: Type.Number(), omitted: Type.Boolean() })
const Report = Type.Object({
  intervals: Type.Array(Type.Object({ sum: Sum })),
  end: Type.Object({ sum_received: Type.Object({ bits_per_second: Type.Number() }) }),
})
const read = reader('iperf3', Report)

/** What one run of iperf3 told. */
export interface Transfer {
  /** What the receiver got, Mbit/s, without the seconds that it omitted. */
  readonly megabits: number
  /** What was sent in all, 10^9 bytes, the omitted seconds included. */
  readonly gigabytes: number
}

/**
 * Reads what `iperf3 --json` printed.
 * @throws CausewayError `MalformedOutput`.
 */
export function parseIperf(json: string): Transfer {
  const { intervals, end } = read(json)
  const bytes = intervals.reduce((sum, interval) => sum + interval.sum.bytes, 0)
  return { megabits: end.sum_received.bits_per_second / 1e6, gigabytes: bytes / 1e9 }
}
