import type { Gateway, Overlay } from '../overlay.ts'
import { bad, type Finding, ok, orOk, warning } from './finding.ts'
import type { Reading } from './reading.ts'

/** What the gateway is made of: its clock, kernel, programs and settings. */
export function checkHost(overlay: Overlay, gateway: Gateway, reading: Reading): readonly Finding[] {
  return [
    checkClock(reading),
    ...checkKernel(overlay, reading),
    ...checkPrograms(overlay, reading),
    ...checkSettings(gateway, reading),
    ...checkNames(reading),
  ]
}

/** MUNGE refuses credentials of hosts whose clocks differ by its time to live, 300 s unless set; certificates are touchier. */
const badSkewMs = 60_000
const poorSkewMs = 1000

function checkClock({ clock: { saysMs, askedAtMs, answeredAtMs } }: Reading): Finding {
  // It was read somewhere between asking and answering: only what is beyond both is surely wrong.
  const skewMs = saysMs < askedAtMs ? askedAtMs - saysMs : saysMs > answeredAtMs ? saysMs - answeredAtMs : 0
  const text = `it is ${skewMs < 1000 ? `${Math.round(skewMs)} ms` : `${Math.round(skewMs / 1000)} s`} ${saysMs < askedAtMs ? 'behind' : 'ahead of'} this host's`
  const todo = 'let an NTP client such as chrony keep the time on both hosts'
  if (skewMs >= badSkewMs) return bad('clock', text, todo)
  if (skewMs >= poorSkewMs) return warning('clock', text, todo)
  return ok('clock', skewMs === 0 ? "it agrees with this host's" : text)
}

const modules: Readonly<Record<string, string>> = {
  bridge: 'bridge',
  vxlan: 'vxlan',
  'nft-ip': 'nf_tables, nft_redir and nft_nat',
  'nft-ip6': 'nf_tables, nft_redir and nft_nat',
  'nft-bridge': 'nf_tables and nft_meta_bridge',
  wireguard: 'wireguard',
  tun: 'tun',
}

function checkKernel(overlay: Overlay, { features, programs }: Reading): readonly Finding[] {
  const needed = [
    'bridge',
    'vxlan',
    'neigh_suppress',
    'sticky',
    'nft-ip',
    'nft-bridge',
    ...(overlay.subnet6 ? ['nft-ip6'] : []),
  ]
  const lacks = (name: string) =>
    features.get(name) ?? (features.has(name) ? null : (features.get('namespaces') ?? 'it was not tried'))
  const found: Finding[] = []
  for (const name of needed) {
    const why = lacks(name)
    if (why === null) continue
    const load = modules[name]
      ? `load the kernel module ${modules[name]}`
      : 'use a later kernel and iproute2: Debian 12 has both'
    found.push(
      features.has(name)
        ? bad('kernel', `no ${name}: ${why}`, load)
        : warning('kernel', `whether it has ${name} is not known: ${why}`, 'run as root on the gateway'),
    )
  }
  if (overlay.encryption && lacks('wireguard') !== null) {
    const inUserspace = lacks('tun') === null && programs.get('wireguard-go') != null
    found.push(
      inUserspace
        ? warning(
            'kernel',
            'no WireGuard in the kernel: wireguard-go does it, at a fraction of the throughput',
            'load the kernel module wireguard',
          )
        : bad(
            'kernel',
            'no WireGuard in the kernel, and no wireguard-go that could do without',
            'load the kernel module wireguard, or install wireguard-go',
          ),
    )
  }
  return orOk(found, 'kernel', 'it has what the overlay needs')
}

/** The Debian package of each program. */
const packages: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  bridge: 'iproute2',
  nft: 'nftables',
  sysctl: 'procps',
  ping: 'iputils-ping',
  fping: 'fping',
  wg: 'wireguard-tools',
  dnsmasq: 'dnsmasq-base',
  zebra: 'frr',
  bgpd: 'frr',
}

function checkPrograms(overlay: Overlay, { programs }: Reading): readonly Finding[] {
  const needed = [
    'ip',
    'bridge',
    'nft',
    'sysctl',
    'ping',
    'fping',
    ...(overlay.encryption ? ['wg'] : []),
    ...(overlay.services ? ['dnsmasq'] : []),
    ...(overlay.mode.kind === 'evpn' ? ['zebra', 'bgpd'] : []),
  ]
  const missing = needed.filter((name) => programs.get(name) == null)
  const wanted = [...new Set(missing.map((name) => packages[name] ?? name))].join(' ')
  const found =
    missing.length === 0 ? [] : [bad('programs', `${missing.join(', ')} missing`, `apt-get install ${wanted}`)]
  return orOk(found, 'programs', needed.map((name) => `${name} ${programs.get(name) ?? ''}`).join(', '))
}

function checkSettings(gateway: Gateway, { settings }: Reading): readonly Finding[] {
  const found: Finding[] = []
  const todo = 'the controller sets it: find what sets it back, such as a file in /etc/sysctl.d'
  if (gateway.routes && settings.get('net.ipv4.ip_forward') === '0') {
    found.push(bad('settings', 'net.ipv4.ip_forward is 0: nodes reach nothing outside the segment', todo))
  }
  for (const tables of ['iptables', 'ip6tables', 'arptables']) {
    const key = `net.bridge.bridge-nf-call-${tables}`
    if (settings.get(key) === '1') {
      found.push(
        warning(
          'settings',
          `${key} is 1: the host's own firewall sees, and may drop, what nodes send each other`,
          todo,
        ),
      )
    }
  }
  return orOk(found, 'settings', 'they are as they should be')
}

/** A scheduler that can't resolve the name of a node stands still for seconds each time it calls it. */
function checkNames({ names }: Reading): readonly Finding[] {
  if (names.size === 0) return []
  const unknown = [...names].filter(([, found]) => !found).map(([name]) => name)
  const todo = 'causeway hosts >> /etc/hosts, or the head as its own name server: see docs/network.md'
  const found = unknown.length > 0 ? [bad('names', `${unknown.join(', ')} can't be resolved`, todo)] : []
  return orOk(found, 'names', "nodes' names are found")
}
