import type { Link, PortFlags } from '../../src/network/kernel/actual-state.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** A device in the fake kernel. */
export interface Device extends Mutable<Omit<Link, 'addresses' | 'bridge' | 'vxlan' | 'portFlags'>> {
  addresses: string[]
  bridge: Mutable<NonNullable<Link['bridge']>> | null
  vxlan: Mutable<NonNullable<Link['vxlan']>> | null
  portFlags: Mutable<PortFlags> | null
  peer: string | null
}

export interface Entry {
  mac: string
  device: string
  master: string | null
  dst: string | null
  state: string
  sticky: boolean
  learned: boolean
}

interface FakeNeighbour {
  address: string
  mac: string
  device: string
  permanent: boolean
  learned: boolean
}

/** What a program says when it refuses; its text goes to stderr. */
export class Refusal extends Error {}

/** A refusal at which `ip` gives up a whole batch, even with `-force`. */
export class FatalRefusal extends Refusal {}

/**
 * The part of a kernel's networking that the overlay uses: devices, addresses, neighbours, forwarding entries, with the
 * side effects that matter (what a device takes along when it goes, what the bridge writes by itself).
 */
export class FakeDevices {
  readonly devices = new Map<string, Device>()
  readonly neighbours = new Map<string, FakeNeighbour>()
  readonly sysctls = new Map([
    ['net.bridge.bridge-nf-call-arptables', '1'],
    ['net.bridge.bridge-nf-call-ip6tables', '1'],
    ['net.bridge.bridge-nf-call-iptables', '1'],
    ['net.ipv4.ip_forward', '0'],
    ['net.ipv6.conf.all.forwarding', '0'],
    ['net.ipv6.conf.default.accept_ra', '1'],
    ['net.ipv6.conf.default.disable_ipv6', '0'],
    ['net.ipv6.conf.default.forwarding', '0'],
  ])
  entries: Entry[] = []
  #macs = 0

  device(name: string): Device {
    const found = this.devices.get(name)
    if (found === undefined) throw new Refusal(`Cannot find device "${name}"`)
    return found
  }

  add(
    name: string,
    options: { mac?: string; mtu?: number; kind: string; vxlan?: Device['vxlan']; peer?: string },
  ): void {
    if (this.devices.has(name)) throw new Refusal('RTNETLINK answers: File exists')
    const { vxlan = null } = options
    if (
      vxlan !== null &&
      [...this.devices.values()].some((one) => one.vxlan?.vni === vxlan.vni && one.vxlan.port === vxlan.port)
    ) {
      throw new Refusal('Error: A VXLAN device with the specified VNI already exists.')
    }
    const mac = options.mac ?? `06:00:00:00:00:${(++this.#macs).toString(16).padStart(2, '0')}`
    const bridge = options.kind === 'bridge' ? { stp: false, multicastSnooping: true } : null
    this.devices.set(name, {
      name,
      mac,
      mtu: options.mtu ?? 1500,
      up: false,
      master: null,
      addresses: [],
      kind: options.kind,
      group: 'default',
      bridge,
      vxlan,
      portFlags: null,
      peer: options.peer ?? null,
    })
    if (bridge !== null) this.#own(name, name, mac)
    this.#startIpv6(name)
  }

  remove(name: string): void {
    const device = this.device(name)
    const { peer } = device
    if (device.master !== null) this.leave(device)
    this.devices.delete(name)
    for (const other of this.devices.values()) if (other.master === name) this.leave(other)
    this.entries = this.entries.filter((one) => one.device !== name && one.master !== name)
    this.dropNeighbours(name)
    for (const key of this.#ipv6Settings(name)) this.sysctls.delete(key)
    if (peer !== null && this.devices.has(peer)) this.remove(peer)
  }

  join(port: Device, bridge: Device): void {
    if (port.master !== null) this.leave(port)
    port.master = bridge.name
    port.portFlags = { neigh_suppress: false, learning: true, flood: true, mcast_flood: true, bcast_flood: true }
    this.#own(port.name, bridge.name, port.mac)
  }

  leave(port: Device): void {
    const bridge = this.devices.get(port.master ?? '')
    this.entries = this.entries.filter((one) => one.device !== port.name || one.master === null)
    port.master = null
    port.portFlags = null
    if (bridge !== undefined && !this.#hasCarrier(bridge)) this.#dropAgeing(bridge)
  }

  setMac(device: Device, mac: string): void {
    if (device.bridge !== null) {
      this.entries = this.entries.filter((one) => !(one.device === device.name && one.mac === device.mac))
      this.#own(device.name, device.name, mac)
    }
    if (device.mac !== mac) this.dropNeighbours(device.name)
    device.mac = mac
  }

  /** IPv6 needs 1280 bytes: below, a device loses it with all addresses and settings. */
  setMtu(device: Device, mtu: number): void {
    const [had, has] = [device.mtu >= 1280, mtu >= 1280]
    device.mtu = mtu
    if (had && !has) {
      this.#stopIpv6(device)
      for (const key of this.#ipv6Settings(device.name)) this.sysctls.delete(key)
    }
    if (!had && has) this.#startIpv6(device.name)
  }

  /** A device that goes down loses all neighbours and its IPv6 addresses. */
  setDown(device: Device): void {
    if (device.up) {
      this.dropNeighbours(device.name)
      this.#stopIpv6(device)
    }
    device.up = false
  }

  setSysctl(key: string, value: string): void {
    if (!this.sysctls.has(key)) throw new Refusal(`sysctl: cannot stat ${key}`)
    this.sysctls.set(key, value)
    if (key === 'net.ipv6.conf.all.forwarding') {
      for (const one of this.sysctls.keys())
        if (/^net\.ipv6\.conf\..*\.forwarding$/.test(one)) this.sysctls.set(one, value)
    }
    const device = this.devices.get(/^net\.ipv6\.conf\.(.*)\.disable_ipv6$/.exec(key)?.[1] ?? '')
    if (device !== undefined && value === '1') this.#stopIpv6(device)
  }

  hasIpv6(device: Device): boolean {
    return this.sysctls.get(`net.ipv6.conf.${device.name}.disable_ipv6`) === '0'
  }

  dropNeighbours(device: string, isDropped: (address: string) => boolean = () => true): void {
    for (const [key, one] of this.neighbours) {
      if (one.device === device && isDropped(one.address)) this.neighbours.delete(key)
    }
  }

  /** Writes an entry; each of the two lists (the bridge's, the device's own) has one entry for a unicast MAC. */
  putEntry(entry: Entry, append: boolean): void {
    const same = (one: Entry) =>
      one.mac === entry.mac &&
      (entry.master === null ? one.master === null && one.device === entry.device : one.master === entry.master)
    this.entries = this.entries.filter((one) => !same(one) || (append && one.dst !== entry.dst))
    this.entries.push(entry)
  }

  /** With a `dst` that the entry does not have, nothing happens and nothing is refused: so does the kernel. */
  dropEntry(mac: string, device: string, master: string | null, dst: string | null): void {
    const same = (one: Entry) => one.mac === mac && one.device === device && one.master === master
    if (!this.entries.some(same)) throw new Refusal('RTNETLINK answers: No such file or directory')
    this.entries = this.entries.filter((one) => !same(one) || (dst !== null && one.dst !== dst))
  }

  /** `bridge fdb flush dev NAME`: of a bridge everything, even its own MAC; of a VXLAN device its own entries. */
  flush(name: string): void {
    const isBridge = this.device(name).bridge !== null
    this.entries = this.entries.filter((one) => (isBridge ? one.master !== name : one.device !== name || one.master))
  }

  /** A bridge has a carrier while one of its ports has: it is up, and so is its other end. */
  #hasCarrier(bridge: Device): boolean {
    return [...this.devices.values()].some(
      (port) => port.master === bridge.name && port.up && this.devices.get(port.peer ?? port.name)?.up,
    )
  }

  /** Without a carrier all neighbours go that are not permanent. */
  #dropAgeing(device: Device): void {
    for (const [key, one] of this.neighbours) {
      if (one.device === device.name && !one.permanent) this.neighbours.delete(key)
    }
  }

  #ipv6Settings(device: string): readonly string[] {
    return ['accept_ra', 'disable_ipv6', 'forwarding'].map(
      (name) => `net.ipv6.conf.${device.replaceAll('.', '/')}.${name}`,
    )
  }

  #startIpv6(device: string): void {
    for (const key of this.#ipv6Settings(device)) {
      this.sysctls.set(key, this.sysctls.get(key.replace(/conf\..*\./, 'conf.default.')) ?? '')
    }
  }

  #stopIpv6(device: Device): void {
    device.addresses = device.addresses.filter((one) => !one.includes(':'))
    this.dropNeighbours(device.name, (address) => address.includes(':'))
  }

  #own(device: string, master: string, mac: string): void {
    this.putEntry({ mac, device, master, dst: null, state: 'permanent', sticky: false, learned: false }, false)
  }
}
