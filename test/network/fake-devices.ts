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
  readonly neighbours = new Map<string, { address: string; mac: string; device: string }>()
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
    if (vxlan !== null && [...this.devices.values()].some((one) => one.vxlan?.vni === vxlan.vni)) {
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
      bridge,
      vxlan,
      portFlags: null,
      peer: options.peer ?? null,
    })
    if (bridge !== null) this.#own(name, name, mac)
  }

  remove(name: string): void {
    const { peer } = this.device(name)
    this.devices.delete(name)
    for (const other of this.devices.values()) if (other.master === name) this.leave(other)
    this.entries = this.entries.filter((one) => one.device !== name && one.master !== name)
    this.dropNeighbours(name)
    if (peer !== null && this.devices.has(peer)) this.remove(peer)
  }

  join(port: Device, bridge: Device): void {
    if (port.master !== null) this.leave(port)
    port.master = bridge.name
    port.portFlags = { neigh_suppress: false, learning: true, flood: true, mcast_flood: true, bcast_flood: true }
    this.#own(port.name, bridge.name, port.mac)
  }

  leave(port: Device): void {
    this.entries = this.entries.filter((one) => one.device !== port.name || one.master === null)
    port.master = null
    port.portFlags = null
  }

  setMac(device: Device, mac: string): void {
    if (device.bridge !== null) {
      this.entries = this.entries.filter((one) => !(one.device === device.name && one.mac === device.mac))
      this.#own(device.name, device.name, mac)
    }
    if (device.mac !== mac) this.dropNeighbours(device.name)
    device.mac = mac
  }

  dropNeighbours(device: string): void {
    for (const [key, one] of this.neighbours) if (one.device === device) this.neighbours.delete(key)
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

  #own(device: string, master: string, mac: string): void {
    this.putEntry({ mac, device, master, dst: null, state: 'permanent', sticky: false }, false)
  }
}
