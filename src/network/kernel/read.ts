import { CausewayError } from '../../base/errors.ts'
import { execChecked } from '../../base/exec.ts'
import type { Host } from '../../base/host.ts'
import type { ActualState } from './actual-state.ts'
import { parseForwarding, parseLinks, parseNeighbours, parseSysctls } from './parse.ts'
import { parseRuleset } from './parse-nft.ts'

/** The kernel settings that a gateway's state may name; `-e`: those of a module that is not loaded are left out. */
const sysctlKeys = [
  'net.bridge.bridge-nf-call-arptables',
  'net.bridge.bridge-nf-call-ip6tables',
  'net.bridge.bridge-nf-call-iptables',
  'net.ipv4.ip_forward',
]

/**
 * Reads what a gateway's kernel holds: four commands at the same time, one round trip.
 * @throws CausewayError as `Host.exec`; `CommandFailed`; `MalformedOutput`.
 */
export async function readGateway(host: Host): Promise<ActualState> {
  const [ip, bridge, nft, sysctl] = await Promise.all([
    execChecked(host, ['ip', '-d', '-j', '-batch', '-'], { stdin: 'address show\nneigh show nud permanent\n' }),
    execChecked(host, ['bridge', '-j', 'fdb', 'show']),
    execChecked(host, ['nft', '-j', '-t', 'list', 'ruleset']),
    execChecked(host, ['sysctl', '-e', ...sysctlKeys]),
  ])
  // Each command of the batch prints its own JSON document on a line of its own.
  const [links, neighbours, ...rest] = ip.split('\n').filter((line) => line.trim() !== '')
  if (links === undefined || neighbours === undefined || rest.length > 0) {
    throw new CausewayError('MalformedOutput', `${host.name}: ip answered two questions with '${ip.slice(0, 200)}'`)
  }
  return {
    links: parseLinks(links),
    neighbours: parseNeighbours(neighbours),
    forwarding: parseForwarding(bridge),
    tables: parseRuleset(nft),
    sysctls: parseSysctls(sysctl),
  }
}
