import { CausewayError } from '../../base/errors.ts'
import { ruleComments, rulesScript } from './tunnel-rules.ts'
import type { ActualDevice, ActualPeer, ActualTunnels, TunnelDevice, TunnelState, WantedPeer } from './tunnel-state.ts'

/** How long after a handshake a session can be used, seconds: REJECT_AFTER_TIME of WireGuard's paper, section 6.1. */
const sessionSeconds = 180

/**
 * The lines for `causeway-wireguard run` that bring what is there to what is wanted: none when it is. Adds come before
 * deletes; the rules come first, so that no frame ever passes beside the tunnels.
 * @throws CausewayError `Conflict` when one of the device names is taken by another kind of device.
 */
export function diffTunnels(actual: ActualTunnels, desired: TunnelState): readonly string[] {
  const devices = desired.devices.map((device) => ({ device, now: deviceOf(actual, device.name) }))
  const oldest = Math.min(...desired.devices.map((one) => one.generation))
  const wanted = new Set(desired.devices.map((one) => one.name))
  return [
    ...diffRules(actual, desired),
    ...devices.flatMap(({ device, now }) => shapeDevice(actual, device, now)),
    ...devices.flatMap(({ device, now }) => addPeers(device, now, actual.readAt)),
    ...addRoutes(actual, desired),
    ...devices.flatMap(({ device, now }) => removals(device, now, desired)),
    ...actual.devices.filter((one) => isOurs(one) && !wanted.has(one.name)).map((one) => `delete ${one.name}`),
    // A newer one may have been made for what is wanted next.
    ...actual.keys.filter((key) => key.generation < oldest).map((key) => `forget ${key.device} ${key.generation}`),
  ]
}

/** Whether a device of one of our names is of a kind that we make. */
function isOurs(device: ActualDevice): boolean {
  return device.kind === 'wireguard' || device.kind === 'tun'
}

/** What there is of a device that is as it was: a dead one is made anew. @throws CausewayError `Conflict`. */
function deviceOf(actual: ActualTunnels, name: string): ActualDevice | null {
  const device = actual.devices.find((one) => one.name === name)
  if (device === undefined) return null
  if (!isOurs(device)) {
    const is = `is no wireguard but a ${device.kind} device`
    throw new CausewayError('Conflict', `the device ${name} ${is}: remove or rename it`)
  }
  return device
}

function diffRules({ rules: now }: ActualTunnels, { rules }: TunnelState): readonly string[] {
  const comments = ruleComments(rules)
  const same = now?.length === comments.length && comments.every((comment, index) => now[index] === comment)
  return same ? [] : [`nft ${rulesScript(rules)}`]
}

function shapeDevice({ keys }: ActualTunnels, wanted: TunnelDevice, now: ActualDevice | null): readonly string[] {
  const { name, generation, port, mtu, address } = wanted
  const alive = now?.publicKey == null ? null : now
  const lines: string[] = []
  if (now !== null && alive === null) lines.push(`delete ${name}`)
  if (alive === null) lines.push(`create ${name} ${generation}`)
  else {
    // Where the file is gone, the key that was told and still runs is the right one.
    const kept = keys.find((key) => key.device === name && key.generation === generation)?.publicKey
    if (alive.publicKey !== (kept ?? wanted.publicKey)) lines.push(`key ${name} ${generation}`)
  }
  if (alive?.port !== port) lines.push(`wg set ${name} listen-port ${port}`)
  if (alive?.addresses.includes(`${address}/32`) !== true) lines.push(`ip address add ${address}/32 dev ${name}`)
  // Answers may come by another device than questions go: loose (RFC 3704, section 2.4).
  if (alive?.rpFilter !== 2) lines.push(`set ${name} rp_filter 2`)
  if (alive === null ? wanted.forwarding : alive.forwarding !== wanted.forwarding) {
    lines.push(`set ${name} forwarding ${wanted.forwarding ? 1 : 0}`)
  }
  if (alive?.mtu !== mtu) lines.push(`ip link set dev ${name} mtu ${mtu}`)
  if (alive?.up !== true) lines.push(`ip link set dev ${name} up`)
  return lines
}

function addPeers({ name, peers }: TunnelDevice, now: ActualDevice | null, readAt: number): readonly string[] {
  return [...peers].flatMap(([publicKey, peer]) => {
    const present = now?.publicKey == null ? undefined : now.peers.get(publicKey)
    const words = peerWords(peer, present, readAt)
    return words.length === 0 ? [] : [`wg set ${name} peer ${publicKey} ${words.join(' ')}`]
  })
}

function peerWords(wanted: WantedPeer, present: ActualPeer | undefined, readAt: number): readonly string[] {
  const { endpoint, allowedIps, keepalive, roams } = wanted
  const words: string[] = []
  const hasRoamed = roams && present !== undefined && readAt - present.handshakeAt < sessionSeconds
  if (endpoint !== null && present?.endpoint !== endpoint && !hasRoamed) words.push('endpoint', endpoint)
  if (present?.allowedIps.join() !== allowedIps.join()) words.push('allowed-ips', allowedIps.join())
  if ((present?.keepalive ?? 0) !== keepalive) words.push('persistent-keepalive', String(keepalive))
  return words
}

function addRoutes({ devices }: ActualTunnels, { routes }: TunnelState): readonly string[] {
  const present = new Map(
    devices.filter((one) => one.publicKey !== null && one.up).map((one) => [one.name, new Set(one.routes)]),
  )
  // A route moves from one device to another in one step.
  return [...routes]
    .filter(([address, device]) => present.get(device)?.has(address) !== true)
    .map(([address, device]) => `ip route replace ${address}/32 dev ${device}`)
}

function removals(
  { name, address, peers }: TunnelDevice,
  now: ActualDevice | null,
  { routes }: TunnelState,
): readonly string[] {
  if (now?.publicKey == null) return []
  return [
    // One that leads elsewhere from now on has been moved.
    ...now.routes.filter((route) => !routes.has(route)).map((route) => `ip route del ${route} dev ${name}`),
    ...[...now.peers.keys()].filter((key) => !peers.has(key)).map((key) => `wg set ${name} peer ${key} remove`),
    ...now.addresses.filter((one) => one !== `${address}/32`).map((one) => `ip address del ${one} dev ${name}`),
  ]
}
