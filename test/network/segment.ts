import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { CausewayError } from '../../src/base/errors.ts'
import { joinPort, segmentMtu } from '../../src/network/addressing.ts'
import { type ApplyReport, applyOverlay } from '../../src/network/apply.ts'
import type { Member, Overlay } from '../../src/network/overlay.ts'
import { NetnsHost } from './netns-host.ts'

const join = fileURLToPath(new URL('../../scripts/node/join', import.meta.url))
const server = fileURLToPath(new URL('http-server.ts', import.meta.url))

/** The addresses of the origin beyond the WAN. */
const originAddresses = ['10.250.9.2', 'fd00:250:9::2']

/**
 * An overlay in namespaces: a router (the WAN), a gateway on each of its legs with the underlay address that the overlay
 * names, an origin on one more leg, and a namespace for each member that has a port.
 */
export class Segment {
  readonly wan: NetnsHost
  readonly origin: NetnsHost
  readonly gateways = new Map<string, NetnsHost>()
  readonly nodes = new Map<string, NetnsHost>()
  readonly #servers: ChildProcess[] = []
  readonly #hosts: NetnsHost[] = []

  private constructor(wan: NetnsHost, origin: NetnsHost) {
    this.wan = wan
    this.origin = origin
    this.#hosts.push(wan, origin)
  }

  /** `register` gets the way to clean up as soon as there is something to clean. */
  static async create(overlay: Overlay, register: (close: () => Promise<void>) => void): Promise<Segment> {
    const segment = new Segment(await NetnsHost.create('wan'), await NetnsHost.create('origin'))
    register(() => segment.close())
    await segment.wan.run('sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1')
    await segment.#leg(segment.origin, 'origin', originAddresses)
    for (const { name, underlay } of overlay.gateways) {
      const host = await NetnsHost.create(name)
      segment.#hosts.push(host)
      segment.gateways.set(name, host)
      await segment.#leg(host, name, [underlay])
    }
    await segment.wan.run(
      'nft -f -',
      `table inet seen {
         counter vxlan { }
         chain forward { type filter hook forward priority 0; policy accept; udp dport 4789 counter name vxlan; }
       }`,
    )
    return segment
  }

  /** The same with the overlay applied and every member that has a port plugged in. */
  static async populated(overlay: Overlay, register: (close: () => Promise<void>) => void): Promise<Segment> {
    const segment = await Segment.create(overlay, register)
    await segment.apply(overlay)
    for (const one of overlay.members) if (one.port !== null) await segment.plug(overlay, one)
    await segment.apply(overlay)
    return segment
  }

  gateway(name: string): NetnsHost {
    return this.gateways.get(name) ?? assert.fail(`no gateway ${name}`)
  }

  node(name: string): NetnsHost {
    return this.nodes.get(name) ?? assert.fail(`no node ${name}`)
  }

  /** Applies to all gateways; each must be achieved. Returns all commands that were given. */
  async apply(overlay: Overlay): Promise<readonly string[]> {
    const reports = await this.applyRaw(overlay)
    return [...reports].flatMap(([name, report]) => {
      if (report instanceof Error) throw report
      assert.deepEqual([...report.failures, ...report.missing], [], name)
      return report.commands
    })
  }

  applyRaw(overlay: Overlay): Promise<Map<string, ApplyReport | CausewayError>> {
    return applyOverlay(overlay, (gateway) => this.gateway(gateway.name))
  }

  /** Plugs the namespace of a member into its gateway's bridge, as a driver does with a new machine. */
  async plug(overlay: Overlay, { name, address, address6, mac, gateway, port }: Member): Promise<NetnsHost> {
    const host = await NetnsHost.create(name)
    this.#hosts.push(host)
    this.nodes.set(name, host)
    const site = this.gateway(gateway)
    const mtu = segmentMtu(overlay)
    await site.run(`ip link add name ${port} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${host.netns}`)
    await site.run(`ip link set dev ${port} master cw${overlay.vni} up`)
    await host.run(`ip link set dev eth0 address ${mac} up`)
    await host.run(`ip address add ${address}/16 broadcast + dev eth0`)
    const router = overlay.gateways.find((one) => one.name === gateway)
    await host.run(`ip route add default via ${router?.address}`)
    if (address6 !== null) {
      await host.run(`ip address add ${address6}/64 dev eth0 nodad`)
      // The gateway may have advertised itself already.
      await host.run(`ip route replace default via ${router?.address6}`)
    }
    return host
  }

  /** Gives a member that no bridge reaches a leg of its own at its site, and lets it join as its boot does. */
  async joinBySelf(overlay: Overlay, member: Member): Promise<NetnsHost> {
    const { name, address, address6, mac, gateway, via } = member
    const host = await NetnsHost.create(name)
    this.#hosts.push(host)
    this.nodes.set(name, host)
    const site = overlay.gateways.find((one) => one.name === gateway) ?? assert.fail(`no gateway ${gateway}`)
    await host.run(`ip link add name wan0 type veth peer name w-${name} netns ${this.wan.netns}`)
    const [router, whole, scope] = via?.includes(':')
      ? ['fe80::1', '128 nodad', '64 nodad']
      : ['169.254.1.1', '32', '32']
    await host.run('ip link set dev wan0 up')
    await host.run(`ip address add dev wan0 ${via}/${whole}`)
    await this.wan.run(`ip link set dev w-${name} up`)
    await this.wan.run(`ip address add dev w-${name} ${router}/${scope}`)
    await this.wan.run(`ip route add ${via} dev w-${name}`)
    await host.run(`ip route replace ${router} dev wan0`)
    await host.run(`ip route add default via ${router} dev wan0`)
    const env = {
      VNI: overlay.vni,
      JOIN_GATEWAY: site.underlay,
      JOIN_PORT: joinPort,
      MAC: mac,
      MTU: segmentMtu(overlay),
    }
    await host.run(
      `env ${Object.entries(env)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ')} ${join}`,
    )
    await host.run(`ip address add ${address}/16 broadcast + dev cw0`)
    await host.run(`ip route replace default via ${site.address}`)
    if (address6 === null) return host
    await host.run(`ip address add ${address6}/64 dev cw0 nodad`)
    await host.run(`ip route replace default via ${site.address6} dev cw0`)
    return host
  }

  /** Starts an HTTP server that says its name. */
  async serve(host: NetnsHost, name: string, port: number): Promise<void> {
    const [program = '', ...args] = host.argv(process.execPath, server, name, String(port))
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#servers.push(child)
    await once(child.stdout, 'data')
  }

  /** VXLAN packets that passed the WAN while `act` ran; the nodes forget whom they know, so that none is asked after. */
  async wanPackets(act: () => Promise<unknown>): Promise<number> {
    for (const node of this.nodes.values()) await node.run('ip neigh flush dev eth0')
    await this.wan.run('nft reset counters')
    await act()
    const { nftables } = JSON.parse(await this.wan.run('nft -j list counters')) as {
      nftables: { counter?: { packets: number } }[]
    }
    return nftables.find((one) => one.counter !== undefined)?.counter?.packets ?? assert.fail('no counter')
  }

  async close(): Promise<void> {
    for (const child of this.#servers) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    for (const host of this.#hosts) await host.close()
  }

  async #leg(host: NetnsHost, name: string, addresses: readonly string[]): Promise<void> {
    await host.run(`ip link add name wan0 type veth peer name w-${name} netns ${this.wan.netns}`)
    await host.run('ip link set dev wan0 up')
    await this.wan.run(`ip link set dev w-${name} up`)
    for (const address of addresses) {
      const router = address.replace(/\w+$/, '1')
      const suffix = address.includes(':') ? '/64 nodad' : '/24'
      await host.run(`ip address add dev wan0 ${address}${suffix}`)
      await this.wan.run(`ip address add dev w-${name} ${router}${suffix}`)
      await host.run(`ip route add default via ${router}`)
    }
  }
}

/** Whether a ping is answered; the deadline is only waited for when it is not. */
export async function reaches(from: NetnsHost, address: string, deadlineSeconds = 60): Promise<boolean> {
  const ping = ['ping', '-q', '-n', '-c', '1', '-i', '0.2', '-w', String(deadlineSeconds), address]
  return (await from.exec(ping)).code === 0
}

/** Who answers plain HTTP at an address, and whom it sees as the client. */
export async function whoAnswers(from: NetnsHost, address: string): Promise<{ server: string; client: string }> {
  return JSON.parse(await from.run(`curl -sS --max-time 60 http://${address}/`)) as { server: string; client: string }
}
