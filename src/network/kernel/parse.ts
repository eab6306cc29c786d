import { Type } from 'typebox'
import { CausewayError } from '../../base/errors.ts'
import { reader } from '../json-reader.ts'
import type { ForwardingEntry, Link, Neighbour, PortFlags } from './actual-state.ts'

/*
 * Readers of what iproute2, nftables and procps print. Each names just the fields that it uses, ignores all others, and
 * throws `MalformedOutput` when one of them is not as its program promises.
 */

const LinkSchema = Type.Object({
  ifname: Type.String(),
  address: Type.Optional(Type.String()),
  mtu: Type.Number(),
  flags: Type.Array(Type.String()),
  master: Type.Optional(Type.String()),
  group: Type.Optional(Type.String()),
  linkinfo: Type.Optional(
    Type.Object({
      info_kind: Type.Optional(Type.String()),
      info_data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      info_slave_kind: Type.Optional(Type.String()),
      info_slave_data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    }),
  ),
  addr_info: Type.Optional(
    Type.Array(
      Type.Object({
        family: Type.Optional(Type.String()),
        local: Type.Optional(Type.String()),
        prefixlen: Type.Optional(Type.Number()),
        scope: Type.Optional(Type.String()),
      }),
    ),
  ),
})
const links = reader('ip address', Type.Array(LinkSchema))

/** `ip -d -j address show`: every device with its details and addresses. */
export function parseLinks(json: string): readonly Link[] {
  return links(json).map((link) => {
    const { info_kind: kind = null, info_data: data = {} } = link.linkinfo ?? {}
    return {
      name: link.ifname,
      mac: link.address ?? '',
      mtu: link.mtu,
      up: link.flags.includes('UP'),
      master: link.master ?? null,
      addresses: (link.addr_info ?? [])
        .filter((one) => one.family === 'inet' || (one.family === 'inet6' && one.scope === 'global'))
        .map((one) => `${one.local ?? ''}/${one.prefixlen ?? ''}`),
      kind,
      group: link.group ?? 'default',
      bridge: kind === 'bridge' ? { stp: data.stp_state === 1, multicastSnooping: data.mcast_snooping === 1 } : null,
      vxlan: kind === 'vxlan' ? vxlanOf(data) : null,
      portFlags: link.linkinfo?.info_slave_kind === 'bridge' ? flagsOf(link.linkinfo.info_slave_data ?? {}) : null,
    }
  })
}

function vxlanOf(data: Record<string, unknown>): Link['vxlan'] {
  const text = (value: unknown) => (typeof value === 'string' ? value : null)
  return {
    vni: Number(data.id),
    local: text(data.local) ?? text(data.local6),
    port: Number(data.port),
    learning: data.learning !== false,
    remote: text(data.remote) ?? text(data.group) ?? text(data.remote6) ?? text(data.group6),
  }
}

function flagsOf(data: Record<string, unknown>): PortFlags {
  return {
    neigh_suppress: data.neigh_suppress === true,
    learning: data.learning === true,
    flood: data.flood === true,
    mcast_flood: data.mcast_flood === true,
    bcast_flood: data.bcast_flood === true,
  }
}

const neighbours = reader(
  'ip neigh',
  Type.Array(
    Type.Object({
      dst: Type.String(),
      dev: Type.Optional(Type.String()),
      lladdr: Type.Optional(Type.String()),
      state: Type.Optional(Type.Array(Type.String())),
    }),
  ),
)

/** `ip -j neigh show nud permanent`, which shows a routing daemon's neighbours too, whatever their state. */
export function parseNeighbours(json: string): readonly Neighbour[] {
  return neighbours(json).map((one) => ({
    address: one.dst,
    mac: one.lladdr ?? '',
    device: one.dev ?? '',
    permanent: one.state?.includes('PERMANENT') ?? false,
  }))
}

const forwarding = reader(
  'bridge fdb',
  Type.Array(
    Type.Object({
      mac: Type.String(),
      ifname: Type.Optional(Type.String()),
      master: Type.Optional(Type.String()),
      dst: Type.Optional(Type.String()),
      state: Type.Optional(Type.String()),
      flags: Type.Optional(Type.Array(Type.String())),
      vlan: Type.Optional(Type.Number()),
    }),
  ),
)

/** `bridge -j fdb show`; entries of single VLANs are left out. */
export function parseForwarding(json: string): readonly ForwardingEntry[] {
  return forwarding(json)
    .filter((one) => one.vlan === undefined)
    .map((one) => ({
      mac: one.mac,
      device: one.ifname ?? '',
      master: one.master ?? null,
      dst: one.dst ?? null,
      state: one.state ?? '',
      sticky: one.flags?.includes('sticky') ?? false,
      learned: one.flags?.includes('extern_learn') ?? false,
    }))
}

/** `sysctl KEY...`: one `key = value` a line. */
export function parseSysctls(text: string): Readonly<Record<string, string>> {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return Object.fromEntries(
    lines.map((line) => {
      const found = /^(\S+) = (.*)$/.exec(line)
      if (found === null) throw new CausewayError('MalformedOutput', `sysctl printed '${line.slice(0, 200)}'`)
      return [found[1], found[2]]
    }),
  )
}
