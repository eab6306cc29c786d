import { Type } from 'typebox'
import { CausewayError } from '../../base/errors.ts'
import { reader } from '../json-reader.ts'
import { parseRuleset } from '../kernel/parse-nft.ts'
import { isPublicKey } from './desired-tunnels.ts'
import type { ActualDevice, ActualPeer, ActualTunnels } from './tunnel-state.ts'

const links = reader(
  'ip address',
  Type.Array(
    Type.Object({
      mtu: Type.Number(),
      flags: Type.Array(Type.String()),
      linkinfo: Type.Optional(Type.Object({ info_kind: Type.Optional(Type.String()) })),
      addr_info: Type.Array(
        Type.Object({ family: Type.String(), local: Type.Optional(Type.String()), prefixlen: Type.Number() }),
      ),
    }),
  ),
)
const routes = reader('ip route', Type.Array(Type.Object({ dst: Type.String() })))

/** Reads what `causeway-wireguard show` prints. @throws CausewayError `MalformedOutput`. */
export function parseTunnels(text: string): ActualTunnels {
  const keys: { device: string; generation: number; publicKey: string }[] = []
  const facts = new Map<string, DeviceFacts>()
  let rules: readonly string[] | null = null
  let readAt = 0
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [fact = '', device = ''] = line.split(' ', 2)
    if (fact === 'now') {
      readAt = number(device, line)
      continue
    }
    if (fact === 'rules') {
      rules = commentsOf(line.slice('rules '.length))
      continue
    }
    const rest = line.slice(fact.length + device.length + 2)
    if (fact === 'key') {
      const [generation, publicKey] = rest.split(' ')
      keys.push({ device, generation: number(generation, line), publicKey: key(publicKey, line) })
      continue
    }
    const of = facts.get(device) ?? { values: new Map(), peers: new Map() }
    facts.set(device, of)
    const peer = /^(endpoints|allowed-ips|persistent-keepalive|latest-handshakes)$/.test(fact)
    if (!peer) of.values.set(fact, rest)
    else {
      const [publicKey, value = ''] = rest.split('\t')
      const ofPeer = of.peers.get(key(publicKey, line)) ?? new Map<string, string>()
      of.peers.set(key(publicKey, line), ofPeer.set(fact, value))
    }
  }
  return { readAt, keys, devices: [...facts].map(([name, of]) => deviceOf(name, of)), rules }
}

interface DeviceFacts {
  readonly values: Map<string, string>
  readonly peers: Map<string, Map<string, string>>
}

function deviceOf(name: string, { values, peers }: DeviceFacts): ActualDevice {
  const value = (fact: string) => values.get(fact) ?? malformed(`${name} without ${fact}`)
  const [link = malformed(`nothing about ${name}`)] = links(value('link'))
  const publicKey = values.get('public-key')
  return {
    name,
    kind: link.linkinfo?.info_kind ?? 'plain',
    up: link.flags.includes('UP'),
    mtu: link.mtu,
    addresses: link.addr_info
      .filter((one) => one.family === 'inet')
      .map((one) => `${one.local ?? ''}/${one.prefixlen}`),
    routes: routes(value('routes')).map((one) => one.dst),
    rpFilter: number(value('rp_filter'), name),
    forwarding: value('forwarding') === '1',
    publicKey: publicKey === undefined ? null : publicKey === '(none)' ? '' : key(publicKey, name),
    port: publicKey === undefined ? 0 : number(value('listen-port'), name),
    peers: new Map([...peers].map(([peer, of]) => [peer, peerOf(of)])),
  }
}

/** A peer that went while it was read lacks some facts: it is as good as gone. */
function peerOf(facts: ReadonlyMap<string, string>): ActualPeer {
  const text = (fact: string) => {
    const value = facts.get(fact) ?? ''
    return value === '(none)' || value === 'off' ? '' : value
  }
  return {
    endpoint: text('endpoints') || null,
    allowedIps: text('allowed-ips')
      .split(' ')
      .filter((one) => one !== '')
      .sort(),
    keepalive: number(text('persistent-keepalive') || '0', 'persistent-keepalive'),
    handshakeAt: number(text('latest-handshakes') || '0', 'latest-handshakes'),
  }
}

function commentsOf(json: string): readonly string[] {
  return parseRuleset(json).flatMap((table) => table.chains.flatMap((one) => one.rules.map((rule) => rule ?? '')))
}

function key(text: string | undefined, where: string): string {
  return text !== undefined && isPublicKey(text) ? text : malformed(where)
}

function number(text: string | undefined, where: string): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : malformed(where)
}

function malformed(what: string): never {
  throw new CausewayError('MalformedOutput', `causeway-wireguard printed '${what.slice(0, 200)}'`)
}
