import { createHash } from 'node:crypto'
import { tunnelName } from '../addressing.ts'
import type { TunnelRules } from './tunnel-state.ts'

/** UDP port of VXLAN (RFC 7348, section 8). */
const vxlanPort = 4789

/**
 * The rules that make the tunnels the only way of the cluster's frames. A VXLAN device takes frames from any device, and sends
 * them wherever a route leads, so without these anyone on the WAN could put frames into the segment, and frames would go out
 * in the clear while a tunnel is away. The VNI is in bits 32 to 55 of the VXLAN header, which follows the 64 bits of UDP's.
 *
 * Nothing else is passed on from or to the tunnels: a node whose packets its gateway routes could else send frames of its own
 * making to another gateway.
 */
export function tunnelRules(vni: number): TunnelRules {
  const tunnels = `{ "${tunnelName(vni, 0)}", "${tunnelName(vni, 1)}" }`
  const frames = `udp dport ${vxlanPort} @th,96,24 ${vni}`
  const chains = [
    { name: 'arriving', hook: 'input', rules: [`${frames} iifname != ${tunnels} drop`] },
    { name: 'leaving', hook: 'output', rules: [`${frames} oifname != ${tunnels} drop`] },
    {
      name: 'passing',
      hook: 'forward',
      rules: [`iifname ${tunnels} oifname != ${tunnels} drop`, `oifname ${tunnels} iifname != ${tunnels} drop`],
    },
  ]
  const digest = createHash('sha256').update(JSON.stringify(chains)).digest('hex').slice(0, 12)
  return { table: `causeway_${vni}_tunnels`, chains, digest }
}

/** The comments that the rules carry, in order. */
export function ruleComments({ chains, digest }: TunnelRules): readonly string[] {
  return chains.flatMap(({ name, rules }) => rules.map((_, index) => `causeway ${digest} ${name} ${index}`))
}

/** One transaction of nft that puts the rules into place, whatever was there under their name. */
export function rulesScript({ table, chains, digest }: TunnelRules): string {
  const filled = chains.flatMap(({ name, hook, rules }) => [
    `add chain inet ${table} ${name} { type filter hook ${hook} priority 0; policy accept; }`,
    ...rules.map((rule, k) => `add rule inet ${table} ${name} ${rule} comment "causeway ${digest} ${name} ${k}"`),
  ])
  const anew = [`add table inet ${table}`, `delete table inet ${table}`, `add table inet ${table}`]
  return [...anew, ...filled].join('; ')
}
