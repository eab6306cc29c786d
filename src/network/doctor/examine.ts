import type { Clock } from '../../base/clock.ts'
import { toCausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { HostScript } from '../../base/host-script.ts'
import type { Gateway, Overlay } from '../overlay.ts'
import { diagnose } from './checks.ts'
import { bad, type Finding } from './finding.ts'
import { parseReading } from './reading.ts'

/** What was found at a gateway. */
export interface Diagnosis {
  readonly gateway: string
  readonly findings: readonly Finding[]
}

/** What is asked beside what every gateway is asked. */
export interface ExamineOptions {
  /** Names of nodes that a gateway must be able to resolve. Left out: none. */
  readonly names?: (gateway: Gateway) => readonly string[]
  /** Which gateways to examine. Left out: all. */
  readonly only?: (gateway: Gateway) => boolean
}

/**
 * Examines all gateways at the same time, by themselves: no controller is needed, nothing is changed. A gateway that can't be
 * reached or read is a finding and stops nobody.
 */
export async function examine(
  overlay: Overlay,
  hostFor: (gateway: Gateway) => Host,
  clock: Pick<Clock, 'now'>,
  { names = () => [], only = () => true }: ExamineOptions = {},
): Promise<readonly Diagnosis[]> {
  const one = async (gateway: Gateway): Promise<Diagnosis> => {
    try {
      return {
        gateway: gateway.name,
        findings: await examineOne(overlay, gateway, hostFor(gateway), clock, names(gateway)),
      }
    } catch (thrown) {
      const { message } = toCausewayError(thrown)
      const todo = 'see whether the host is up, and that ssh with the key and host key of the configuration gets there'
      return { gateway: gateway.name, findings: [bad('reach', message, todo)] }
    }
  }
  return Promise.all(overlay.gateways.filter(only).map(one))
}

async function examineOne(
  overlay: Overlay,
  gateway: Gateway,
  host: Host,
  clock: Pick<Clock, 'now'>,
  names: readonly string[],
) {
  const script = new HostScript(host, 'scripts/site/causeway-doctor')
  const others = overlay.gateways.filter(({ name }) => name !== gateway.name)
  const least = [String(overlay.underlayMtu), names.join(',') || '-']
  const argv = [...least, ...others.flatMap(({ underlay, address }) => [underlay, address])]
  // The script is there now: what is measured below is not the time that bringing it takes.
  await script.call(least)
  const askedAtMs = clock.now()
  const text = await script.call(argv)
  return diagnose(overlay, gateway, parseReading(text, askedAtMs, clock.now()))
}
