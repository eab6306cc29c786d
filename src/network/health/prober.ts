import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { HostScript } from '../../base/host-script.ts'
import { addressFamily } from '../../base/ipv6.ts'

/** Echo requests to one address, none of which may be fragmented. */
export interface Probe {
  /** The device that they leave by; null: whatever the routes say. */
  readonly device: string | null
  /** IPv4 or IPv6. */
  readonly address: string
  /** Length of the IP packet, bytes; `smallPacket` where it does not matter. */
  readonly packet: number
  /** How many, 200 ms apart. */
  readonly count: number
}

/** What came of a probe. */
export interface Echoes {
  readonly sent: number
  /** Round trips of those that were answered within a second, ms. */
  readonly rttsMs: readonly number[]
}

/** A packet that passes everywhere, as small as is usual for ping. */
export const smallPacket = 84

/** Asks a gateway what it reaches. */
export class Prober {
  readonly #script: HostScript

  /** @param folder where on the gateway our script is kept; left out: the usual place */
  constructor(host: Host, folder?: string) {
    this.#script = new HostScript(host, 'scripts/site/causeway-measure', folder)
  }

  /**
   * Sends all probes at the same time, in one round trip to the gateway; the answers are in their order.
   * @throws CausewayError `CommandFailed` (also where fping is missing), `MalformedOutput`, and as `Host.exec`
   */
  async probe(probes: readonly Probe[]): Promise<Echoes[]> {
    if (probes.length === 0) return []
    const keys = probes.map(keyOf)
    const found = parseEchoes(await this.#script.call(['probe'], `${[...new Set(keys)].join('\n')}\n`))
    return keys.map((key) => found.get(key) ?? malformed(`nothing is said of '${key}'`))
  }
}

/** The script's line for a probe: device, bytes of data, count, address. */
function keyOf({ device, address, packet, count }: Probe): string {
  // The rest is IP (20 or 40 bytes) and ICMP (8).
  const data = packet - (addressFamily(address) === 6 ? 48 : 28)
  return `${device ?? '-'} ${Math.max(0, data)} ${count} ${address}`
}

/**
 * Reads what the script prints, by its lines for the probes.
 * @throws CausewayError `MalformedOutput`
 */
export function parseEchoes(output: string): ReadonlyMap<string, Echoes> {
  const found = new Map<string, Echoes>()
  for (const line of output.split('\n')) {
    if (line === '') continue
    const [device, size, count, address, ...results] = line.trim().split(/ +/)
    const sent = Number(count)
    // Without the device there is no way that could carry any.
    const each = results[0] === 'absent' ? Array<string>(sent).fill('-') : results
    const rttsMs = each.filter((text) => text !== '-').map(Number)
    if (each.length !== sent || rttsMs.some((ms) => !Number.isFinite(ms) || ms < 0)) malformed(`'${line}'`)
    found.set(`${device} ${size} ${count} ${address}`, { sent, rttsMs })
  }
  return found
}

function malformed(what: string): never {
  throw new CausewayError('MalformedOutput', `causeway-measure: ${what}`)
}
