import { mkdirSync } from 'node:fs'
import { nameServiceFiles } from '../../lab/accounts.ts'
import { cleanUp, diskName, labFolder } from '../../lab/clean-up.ts'
import { LabHost } from '../../lab/host.ts'
import { own, refuseIfOwned } from '../../lab/owner.ts'
import { must } from '../../lab/process.ts'
import { bridgeName, memberMac } from '../../src/network/addressing.ts'
import { type ApplyReport, applyOverlay } from '../../src/network/apply.ts'
import type { Member, Overlay, OverlayMode } from '../../src/network/overlay.ts'
import { bareOverlay, gateway } from '../overlay/ours.ts'
import { RoundTripHost } from '../overlay/round-trip-host.ts'

/** What this benchmark is called among the labs, so that `scripts/lab down --crashed` finds what a crashed run left. */
const lab = 'bevpn'

export const vni = 84

/** The port of every gateway behind which its members are. */
export const lan = 'lan0'

/** Gateways on one switch without delay, each a host of its own; the first is the head, and reflects. */
export class Star {
  readonly hosts = new Map<string, RoundTripHost>()

  /**
   * Takes the names of this benchmark for this process: without that nothing of another run may be removed.
   * @throws CausewayError `Conflict` while another run is alive
   */
  static claim(): void {
    refuseIfOwned(lab)
    own(lab)
  }

  static async up(count: number): Promise<Star> {
    Star.claim()
    await cleanUp(lab)
    own(lab)
    const disk = `${labFolder(lab)}/disk`
    mkdirSync(disk)
    await must(['mount', '-t', 'tmpfs', '-o', 'mode=0755', diskName(lab), disk])
    const wan = await makeNamespace('wan')
    await must(['ip', '-n', wan, 'link', 'add', 'br0', 'up', 'type', 'bridge'])
    const star = new Star()
    for (let k = 0; k < count; k += 1) star.hosts.set(gatewayName(k), await makeGateway(k, wan, disk))
    return star
  }

  static async remove(): Promise<void> {
    await cleanUp(lab)
  }

  netns(name: string): string {
    return netnsOf(name)
  }

  host(name: string): RoundTripHost {
    const host = this.hosts.get(name)
    if (host === undefined) throw new Error(`no gateway ${name}`)
    return host
  }

  /** Applies to all gateways. @throws Error when something is missing afterwards. */
  async apply(overlay: Overlay): Promise<readonly ApplyReport[]> {
    const reports = await applyOverlay(overlay, ({ name }) => this.host(name))
    return [...reports].map(([name, report]) => {
      if (report instanceof Error) throw report
      if (report.missing.length > 0) throw new Error(`${name}: missing ${report.missing.slice(0, 3).join('; ')}`)
      return report
    })
  }

  /** Makes every gateway's port a part of the bridge, which must be there. */
  async plug(): Promise<void> {
    for (const host of this.hosts.values()) {
      await host.exec(['ip', 'link', 'set', 'dev', lan, 'master', bridgeName(vni), 'up'])
    }
  }
}

/** An overlay of so many gateways. */
export function overlayOf(mode: OverlayMode, gateways: number, members: readonly Member[]): Overlay {
  const each = Array.from({ length: gateways }, (_, k) => k)
  return {
    ...bareOverlay(vni, '10.0.0.0/8'),
    mode,
    gateways: each.map((k) => gateway(gatewayName(k), underlayOf(k), `10.${k}.255.254`)),
    members,
  }
}

/** The n-th member behind the k-th gateway, n from 0. */
export function memberOf(k: number, n: number): Member {
  const address = `10.${k}.${Math.floor(n / 250)}.${(n % 250) + 1}`
  const rest = { address6: null, gateway: gatewayName(k), port: lan, fixed: true }
  return { name: `m${k}-${n}`, address, mac: memberMac(address), ...rest }
}

/** So many members, spread evenly over the gateways but the head; `from` as many as are there already. */
export function spread(gateways: number, count: number): Member[] {
  return Array.from({ length: count }, (_, i) => memberOf(1 + (i % (gateways - 1)), Math.floor(i / (gateways - 1))))
}

export function gatewayName(k: number): string {
  return k === 0 ? 'head' : `g${k}`
}

function underlayOf(k: number): string {
  return `10.250.${k}.2`
}

function netnsOf(name: string): string {
  return `cw-${lab}-${name}`
}

async function makeNamespace(name: string): Promise<string> {
  const netns = netnsOf(name)
  await must(['ip', 'netns', 'add', netns])
  await must(['ip', '-n', netns, 'link', 'set', 'lo', 'up'])
  await must(['ip', 'netns', 'exec', netns, 'sysctl', '-q', '-e', '-w', 'net.bridge.bridge-nf-call-iptables=0'])
  return netns
}

async function makeGateway(k: number, wan: string, disk: string): Promise<RoundTripHost> {
  const name = gatewayName(k)
  const netns = await makeNamespace(name)
  await must(['ip', '-n', netns, 'link', 'add', 'wan0', 'type', 'veth', 'peer', 'name', `w${k}`, 'netns', wan])
  await must(['ip', '-n', wan, 'link', 'set', `w${k}`, 'master', 'br0', 'up'])
  await must(['ip', '-n', netns, 'addr', 'add', `${underlayOf(k)}/16`, 'dev', 'wan0'])
  await must(['ip', '-n', netns, 'link', 'set', 'wan0', 'up'])
  await must(['ip', '-n', netns, 'link', 'add', lan, 'type', 'veth', 'peer', 'name', 'far'])
  const host = new LabHost({ name, netns, folder: `${disk}/${name}`, files: nameServiceFiles({}) })
  await host.powerOn()
  return new RoundTripHost(host)
}
