import { CausewayError } from '../../base/errors.ts'
import { execChecked } from '../../base/exec.ts'
import type { ExecResult, Host } from '../../base/host.ts'
import { bridgeName, tableName } from '../addressing.ts'
import type { ActualState } from './actual-state.ts'
import type { ActualTable } from './actual-table.ts'
import { parseForwarding, parseLinks, parseNeighbours, parseSysctls } from './parse.ts'
import { parseRuleset } from './parse-nft.ts'

/**
 * The kernel settings that a gateway's state may name, and what a new device starts with. `sysctl -e` leaves out those that
 * are not there: of a module that is not loaded, of a device that is yet to be made.
 */
function sysctlKeys(vni: number): readonly string[] {
  const devices = ['default', bridgeName(vni)]
  return [
    'net.bridge.bridge-nf-call-arptables',
    'net.bridge.bridge-nf-call-ip6tables',
    'net.bridge.bridge-nf-call-iptables',
    'net.ipv4.ip_forward',
    'net.ipv6.conf.all.forwarding',
    ...devices.flatMap((device) => [`net.ipv6.conf.${device}.accept_ra`, `net.ipv6.conf.${device}.disable_ipv6`]),
  ]
}

/**
 * Reads what a gateway's kernel holds: five commands at the same time, one round trip.
 * @throws CausewayError as `Host.exec`; `CommandFailed`; `MalformedOutput`.
 */
export async function readGateway(host: Host, vni: number): Promise<ActualState> {
  const [ip, bridge, nft, guard, sysctl] = await Promise.all([
    execChecked(host, ['ip', '-d', '-j', '-batch', '-'], { stdin: 'address show\nneigh show nud permanent\n' }),
    execChecked(host, ['bridge', '-j', 'fdb', 'show']),
    execChecked(host, ['nft', '-j', '-t', 'list', 'ruleset']),
    host.exec(['nft', '-j', 'list', 'table', 'bridge', tableName(vni)]),
    execChecked(host, ['sysctl', '-e', ...sysctlKeys(vni)]),
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
    tables: withElements(parseRuleset(nft), guard),
    sysctls: parseSysctls(sysctl),
  }
}

/** The tables, with what the listing of one whole table says of it: elements too, which the others' sets may have many of. */
function withElements(tables: readonly ActualTable[], { code, stdout }: ExecResult): readonly ActualTable[] {
  if (code !== 0) return tables // there is none, or it came in between: then all elements are missing, and adding is safe
  const whole = parseRuleset(stdout)
  return tables.map((table) => whole.find((one) => one.family === table.family && one.name === table.name) ?? table)
}
