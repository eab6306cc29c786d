import { bridgeName, segmentMtu, tableName, tunnelName, vxlanName } from '../addressing.ts'
import type { Gateway, Overlay } from '../overlay.ts'
import { bad, type Finding, ok, orOk, warning } from './finding.ts'
import type { Reading } from './reading.ts'

/** What the gateway holds: devices, ports, keys, and what its rules have seen. */
export function checkState(overlay: Overlay, gateway: Gateway, reading: Reading): readonly Finding[] {
  return [
    ...checkDevices(overlay, reading),
    ...checkPorts(overlay, reading),
    ...(overlay.encryption ? checkKeys(overlay, reading) : []),
    ...(gateway.interception ? [checkCache(overlay, reading)] : []),
    ...checkDrops(overlay, reading),
  ]
}

function checkDevices(overlay: Overlay, { devices }: Reading): readonly Finding[] {
  const found: Finding[] = []
  const wanted: readonly (readonly [string, string])[] = [
    [bridgeName(overlay.vni), 'bridge'],
    [vxlanName(overlay.vni), 'vxlan'],
  ]
  for (const [name, kind] of wanted) {
    const device = devices.find((one) => one.name === name)
    if (!device) {
      found.push(bad('devices', `no ${name}`, 'start the controller, or see in its log what it was refused here'))
    } else if (device.kind !== kind) {
      found.push(
        bad(
          'devices',
          `${name} is a ${device.kind}, not a ${kind}`,
          `ip link del ${name}: the controller makes the right one`,
        ),
      )
    }
  }
  const bridge = devices.find(({ name }) => name === bridgeName(overlay.vni))
  const mtu = segmentMtu(overlay)
  if (bridge && bridge.mtu !== mtu) {
    found.push(
      warning(
        'devices',
        `${bridge.name} has an MTU of ${bridge.mtu}, not ${mtu}`,
        'the controller sets it: see whether it runs, and its log',
      ),
    )
  }
  const foreign = devices
    .filter(({ name }) => !new RegExp(`^cw[xg]?${overlay.vni}[ab]?$`).test(name))
    .map(({ name }) => name)
  if (foreign.length > 0) {
    found.push(
      warning('devices', `${foreign.join(', ')} of another cluster`, 'if there is none any more: ip link del them'),
    )
  }
  return orOk(found, 'devices', `${bridgeName(overlay.vni)} and ${vxlanName(overlay.vni)} are there, MTU ${mtu}`)
}

/** VXLAN's port (RFC 7348). The kernel's devices share it; a program that has it takes what is ours. */
const vxlanPort = 4789

function checkPorts({ encryption }: Overlay, { udp }: Reading): readonly Finding[] {
  const ours = new Map([[vxlanPort, [null as string | null]]])
  for (const port of encryption ? [encryption.port, encryption.port + 1] : []) ours.set(port, [null, 'wireguard-go'])
  const taken = udp.filter(({ port, process }) => ours.has(port) && !ours.get(port)?.includes(process))
  const found = taken.map(({ port, process }) =>
    bad('ports', `UDP ${port} is taken by ${process}`, `stop ${process}, or give it another port`),
  )
  return orOk(found, 'ports', `UDP ${[...ours.keys()].join(', ')} ${ours.size === 1 ? 'is' : 'are'} not another's`)
}

function checkKeys({ vni }: Overlay, { keys }: Reading): readonly Finding[] {
  const found = keys
    .filter(({ mode, owner }) => mode !== '600' || owner !== 'root')
    .map(({ file, mode, owner }) =>
      bad(
        'keys',
        `${file} belongs to ${owner} and has mode ${mode}: others may have read it`,
        `chown root and chmod 600 it, then "causeway network rotate-keys"`,
      ),
    )
  // Which generation is in use only the controller knows.
  const names = [0, 1].map((generation) => tunnelName(vni, generation))
  if (!keys.some(({ file }) => names.includes(file.replace(/\.[0-9]+\.key$/, '')))) {
    const todo = 'the controller has the gateway make it: see whether it runs, and its log'
    found.push(warning('keys', `no key of ${names.join(' or ')} yet`, todo))
  }
  return orOk(found, 'keys', "they are there, and nobody's but root's")
}

function checkCache({ vni }: Overlay, { alive }: Reading): Finding {
  if (alive.some(({ table }) => table === `ip/${tableName(vni)}`))
    return ok('cache', 'it answers, and gets what nodes download')
  return warning('cache', 'it does not answer: nodes download past it', 'start "causeway cache" here, or see its log')
}

/** Dropped frames are a node that misbehaves, or a member that the configuration has wrong. */
function checkDrops({ vni }: Overlay, { counters, offenders }: Reading): readonly Finding[] {
  const table = `bridge/${tableName(vni)}`
  const drops = counters.filter((one) => one.table === table && one.name.startsWith('dropped_') && one.packets > 0)
  const kinds = drops.map(({ name, packets }) => `${packets} ${name.slice('dropped_'.length)}`).join(', ')
  const ports = offenders.filter((one) => one.table === table).map(({ port }) => port)
  const lately = ports.length > 0 ? `; in the last hour from ${ports.join(', ')}` : ''
  const todo =
    'see what the machine behind the port sends (tcpdump on it), and whether the configuration has its MAC and address right'
  const found = drops.length > 0 ? [warning('guard', `frames were dropped: ${kinds}${lately}`, todo)] : []
  return orOk(found, 'guard', 'nothing had to be dropped')
}
