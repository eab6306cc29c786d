import type { Socket } from 'node:net'
import { isIP } from 'node:net'
import { systemClock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import { Connector } from './connector.ts'
import type { Names } from './names.ts'

/**
 * A connection for a client's CONNECT (RFC 9110, section 9.3.6), where the configuration allows it.
 * @param allowed `host:port` of each that may be reached; an address among them may be a private one.
 * @throws CausewayError `TargetRefused` when it is not allowed, or leads to a private address; `OriginUnreachable`
 */
export async function openTunnel(
  host: string,
  port: number,
  allowed: readonly string[],
  names: Names,
): Promise<Socket> {
  const name = host.toLowerCase().replace(/\.$/, '')
  if (!allowed.includes(`${name}:${port}`)) {
    throw new CausewayError('TargetRefused', `${name}:${port} is not among the hosts that CONNECT may reach`)
  }
  const endpoint = { scheme: 'http', host: name, address: name, port, private: isIP(name) > 0 } as const
  try {
    return await new Connector(endpoint, { names, clock: systemClock }).connect()
  } catch (cause) {
    if (cause instanceof CausewayError) throw cause
    throw new CausewayError('OriginUnreachable', `${name}:${port}: ${(cause as Error).message}`, { cause })
  }
}
