import { type Static, type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CausewayError } from '../base/errors.ts'
import type { ActualChain, ActualTable, ForwardingEntry, Link, Neighbour, PortFlags } from './actual-state.ts'

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
        .filter((one) => one.family === 'inet')
        .map((one) => `${one.local ?? ''}/${one.prefixlen ?? ''}`),
      kind,
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
    local: text(data.local),
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
    Type.Object({ dst: Type.String(), dev: Type.Optional(Type.String()), lladdr: Type.Optional(Type.String()) }),
  ),
)

/** `ip -j neigh show nud permanent`, IPv4 only. */
export function parseNeighbours(json: string): readonly Neighbour[] {
  return neighbours(json)
    .filter((one) => /^[\d.]+$/.test(one.dst))
    .map((one) => ({ address: one.dst, mac: one.lladdr ?? '', device: one.dev ?? '' }))
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
    }))
}

const chainFields = { family: Type.String(), table: Type.String() }
const ruleset = reader(
  'nft',
  Type.Object({
    nftables: Type.Array(
      Type.Object({
        table: Type.Optional(Type.Object({ family: Type.String(), name: Type.String() })),
        set: Type.Optional(
          Type.Object({
            ...chainFields,
            name: Type.String(),
            type: Type.Unknown(),
            flags: Type.Optional(Type.Array(Type.String())),
          }),
        ),
        chain: Type.Optional(
          Type.Object({
            ...chainFields,
            name: Type.String(),
            type: Type.Optional(Type.String()),
            hook: Type.Optional(Type.String()),
            prio: Type.Optional(Type.Number()),
            policy: Type.Optional(Type.String()),
          }),
        ),
        rule: Type.Optional(
          Type.Object({ ...chainFields, chain: Type.String(), comment: Type.Optional(Type.String()) }),
        ),
      }),
    ),
  }),
)

/** `nft -j -t list ruleset`. */
export function parseRuleset(json: string): readonly ActualTable[] {
  const objects = ruleset(json).nftables
  const at = (one: { family: string; table: string } | undefined, family: string, table: string) =>
    one?.family === family && one.table === table
  return objects
    .flatMap(({ table }) => table ?? [])
    .map(({ family, name }) => ({
      family,
      name,
      sets: objects
        .flatMap(({ set }) => (set !== undefined && at(set, family, name) ? set : []))
        .map((set) => ({ name: set.name, type: String(set.type), flags: set.flags ?? [] })),
      chains: objects
        .flatMap(({ chain }) => (chain !== undefined && at(chain, family, name) ? chain : []))
        .map(
          (chain): ActualChain => ({
            name: chain.name,
            type: chain.type ?? null,
            hook: chain.hook ?? null,
            priority: chain.prio ?? null,
            policy: chain.policy ?? null,
            rules: objects
              .flatMap(({ rule }) => (at(rule, family, name) && rule?.chain === chain.name ? rule : []))
              .map((rule) => rule.comment ?? null),
          }),
        ),
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

/** A function that reads JSON of the given shape. */
function reader<T extends TSchema>(program: string, schema: T): (json: string) => Static<T> {
  const validator = Compile(schema)
  return (json) => {
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch (cause) {
      throw new CausewayError('MalformedOutput', `${program} printed no JSON: '${json.slice(0, 200)}'`, { cause })
    }
    if (!validator.Check(value)) {
      const [first] = validator.Errors(value)
      throw new CausewayError('MalformedOutput', `${program}: ${first?.instancePath ?? ''} ${first?.message ?? ''}`)
    }
    return value
  }
}
