import { CausewayError } from '../../base/errors.ts'

/** What a gateway holds of the services, as `causeway-services status` tells it. */
export interface ServicesStatus {
  /** Whether dnsmasq serves what the files say, may not have read all of them, or does not serve. */
  readonly dnsmasq: 'current' | 'stale' | 'dead'
  /** The SHA-256 of each file that it reads, hexadecimal, by path. */
  readonly digests: ReadonlyMap<string, string>
}

/** @throws CausewayError `MalformedOutput` for anything but what the script prints. */
export function parseStatus(text: string): ServicesStatus {
  const [first, ...lines] = text.trimEnd().split('\n')
  const dnsmasq = /^dnsmasq (current|stale|dead)$/.exec(first ?? '')?.[1]
  if (dnsmasq !== 'current' && dnsmasq !== 'stale' && dnsmasq !== 'dead') throw malformed(first ?? '')
  const digests = new Map<string, string>()
  for (const line of lines) {
    const [, digest, path] = /^([0-9a-f]{64}) [ *](conf|dhcp-hosts|names\/[^/]+)$/.exec(line) ?? []
    if (digest === undefined || path === undefined) throw malformed(line)
    digests.set(path, digest)
  }
  return { dnsmasq, digests }
}

function malformed(line: string): CausewayError {
  return new CausewayError('MalformedOutput', `causeway-services does not say so: '${line.slice(0, 200)}'`)
}
