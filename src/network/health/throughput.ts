import { Type } from 'typebox'
import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { HostScript } from '../../base/host-script.ts'
import { reader } from '../json-reader.ts'

/** What of iperf3's report is needed. */
const readReport = reader(
  'iperf3',
  Type.Object({
    error: Type.Optional(Type.String()),
    end: Type.Object({ sum_received: Type.Optional(Type.Object({ bits_per_second: Type.Number() })) }),
  }),
)

/** Above each of these, Mbit/s, a path is of another class. */
const bounds = [10, 100, 1000] as const

/** How much passes on a path, Mbit/s. */
export type ThroughputClass = '<10' | '<100' | '<1000' | '>=1000'

/** A measurement of throughput. */
export interface Throughput {
  readonly bitsPerSecond: number
  readonly class: ThroughputClass
}

/** One end of a measurement: the gateway, and its bridge's address in the segment. */
export interface ThroughputEnd {
  readonly host: Host
  readonly address: string
}

/**
 * Sends as much as passes from one gateway to another over the segment, by TCP. It loads the path for as long: only on demand.
 * @param options.seconds how long, 1 to 10
 * @param options.port a TCP port that is free at the receiver
 * @param options.folder where on the gateways our script is kept; left out: the usual place
 * @throws CausewayError `CommandFailed` (also where iperf3 is missing), `CommandTimeout` when nobody can be reached,
 *   `MalformedOutput`, and as `Host.exec`
 */
export async function measureThroughput(
  from: ThroughputEnd,
  to: ThroughputEnd,
  options: { readonly seconds: number; readonly port: number; readonly folder?: string },
): Promise<Throughput> {
  const { seconds, port, folder } = options
  const script = ({ host }: ThroughputEnd) => new HostScript(host, 'scripts/site/causeway-measure', folder)
  const listening = script(to).call(['listen', to.address, String(port)])
  const sending = script(from).call(['send', to.address, String(port), String(seconds)])
  // A listener that can't even begin says why; one that nobody reached in the end just ends.
  const failed = new Promise<never>((_, reject) => {
    listening.catch((error: CausewayError) => {
      if (error.facts['status'] !== 124) reject(error)
    })
  })
  const { end, error } = readReport(await Promise.race([sending, failed]))
  if (error !== undefined || !end.sum_received) {
    throw new CausewayError('CommandFailed', `${from.host.name} to ${to.host.name}: iperf3: ${error ?? 'said nothing'}`)
  }
  return classify(end.sum_received.bits_per_second)
}

/** The class of a throughput. */
export function classify(bitsPerSecond: number): Throughput {
  const bound = bounds.find((mbit) => bitsPerSecond < mbit * 1e6)
  return { bitsPerSecond, class: bound === undefined ? '>=1000' : `<${bound}` }
}
