import { createHash } from 'node:crypto'
import type { ExecResult } from '../../src/base/host.ts'
import { type FakeDevices, Refusal } from './fake-devices.ts'
import { runIp } from './fake-iproute.ts'
import type { FakeNft } from './fake-nft.ts'
import type { FakeScript } from './fake-scripts.ts'

/** What WireGuard knows of a device. */
interface Tunnel {
  publicKey: string
  port: number
  settings: Map<string, string>
  readonly peers: Map<string, { endpoint: string; allowed: Set<string>; keepalive: string }>
  /** Whether its process still answers. */
  hangs: boolean
}

let hosts = 0

/** `causeway-wireguard` on a host whose kernel is a model without WireGuard of its own: each device is a process's. */
export class FakeTunnels implements FakeScript {
  readonly #devices: FakeDevices
  readonly #nft: FakeNft
  readonly #tunnels = new Map<string, Tunnel>()
  readonly #routes = new Map<string, string>()
  /** Public keys by `DEVICE.GENERATION`. */
  readonly keys = new Map<string, string>()
  /** The peers that it has shaken hands with, by public key. */
  readonly shaken = new Set<string>()
  /** No two hosts make the same keys. */
  readonly #seed = ++hosts
  #made = 0

  constructor(devices: FakeDevices, nft: FakeNft) {
    this.#devices = devices
    this.#nft = nft
  }

  run([command = '', ...args]: readonly string[], stdin: string): ExecResult {
    this.#forgetLost()
    switch (command) {
      case 'key':
        return said(`${this.#ensureKey(args[0] ?? '', args[1] ?? '', args[2] ?? '')}\n`)
      case 'show':
        return said(this.#show(args[0] ?? ''))
      case 'run':
        return said(this.#runLines(stdin))
      case 'remove':
        return said(this.#remove(args[0] ?? ''))
      default:
        throw new Error(`causeway-wireguard has no command ${command}`)
    }
  }

  has(): boolean {
    return false
  }

  describe(): readonly string[] {
    return [...this.keys.keys()].map((file) => `${file}.key`)
  }

  /** `find`, as far as it is asked for names of a cluster's. */
  find(args: readonly string[]): ExecResult {
    const pattern = new RegExp(`^${args.at(-1)?.replace('*', '.*') ?? ''}$`)
    const names = [...this.#devices.devices.keys(), ...this.keys.keys()].filter((name) => pattern.test(name))
    return said(names.map((name) => `${name}\n`).join(''))
  }

  /** The process of a device stops to answer. */
  hang(device: string): void {
    const tunnel = this.#tunnels.get(device)
    if (tunnel) tunnel.hangs = true
  }

  #tunnel(device: string): Tunnel {
    const tunnel = this.#tunnels.get(device)
    if (tunnel === undefined || tunnel.hangs) throw new Refusal(`Unable to access interface: ${device}`)
    return tunnel
  }

  /** What the kernel forgets with a device. */
  #forgetLost(): void {
    for (const device of this.#tunnels.keys()) if (!this.#devices.devices.has(device)) this.#tunnels.delete(device)
    for (const [route, device] of this.#routes)
      if (this.#devices.devices.get(device)?.up !== true) this.#routes.delete(route)
  }

  #ensureKey(device: string, generation: string, known: string): string {
    const file = `${device}.${generation}`
    const running = this.#tunnels.get(device)?.publicKey
    const digest = createHash('sha256')
      .update(`${this.#seed} ${++this.#made}`)
      .digest('base64')
    const key = this.keys.get(file) ?? (running !== undefined && running === known ? running : digest)
    this.keys.set(file, key)
    return key
  }

  #show(vni: string): string {
    const lines = ['now 1000', ...[`cwg${vni}a`, `cwg${vni}b`].flatMap((device) => this.#showDevice(device))]
    try {
      lines.push(`rules ${this.#nft.exec(['-j', 'list', 'table', 'inet', `causeway_${vni}_tunnels`], '')}`)
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown
    }
    return lines.map((line) => `${line}\n`).join('')
  }

  #showDevice(name: string): string[] {
    const keys = [...this.keys].filter(([file]) => file.startsWith(`${name}.`))
    const lines = keys.map(([file, key]) => `key ${file.replace('.', ' ')} ${key}`)
    const device = this.#devices.devices.get(name)
    if (device === undefined) return lines
    const addresses = device.addresses
      .filter((one) => !one.includes(':'))
      .map((one) => ({ family: 'inet', local: one.split('/')[0], prefixlen: Number(one.split('/')[1]) }))
    const flags = device.up ? ['UP'] : []
    const link = [{ mtu: device.mtu, flags, linkinfo: { info_kind: device.kind }, addr_info: addresses }]
    const routes = [...this.#routes].filter(([, to]) => to === name).map(([dst]) => ({ dst }))
    const tunnel = this.#tunnels.get(name)
    lines.push(`link ${name} ${JSON.stringify(link)}`, `routes ${name} ${JSON.stringify(routes)}`)
    for (const setting of ['rp_filter', 'forwarding'])
      lines.push(`${setting} ${name} ${tunnel?.settings.get(setting) ?? '0'}`)
    if (tunnel === undefined || tunnel.hangs) return lines
    lines.push(`public-key ${name} ${tunnel.publicKey}`, `listen-port ${name} ${tunnel.port}`)
    for (const [key, { endpoint, allowed, keepalive }] of tunnel.peers) {
      lines.push(`endpoints ${name} ${key}\t${endpoint}`)
      lines.push(`allowed-ips ${name} ${key}\t${allowed.size === 0 ? '(none)' : [...allowed].join(' ')}`)
      lines.push(
        `persistent-keepalive ${name} ${key}\t${keepalive}`,
        `latest-handshakes ${name} ${key}\t${this.shaken.has(key) ? 999 : 0}`,
      )
    }
    return lines
  }

  #runLines(stdin: string): string {
    let refused = ''
    for (const [index, line] of stdin.split('\n').entries()) {
      try {
        if (line !== '') this.#line(line)
      } catch (thrown) {
        if (!(thrown instanceof Refusal)) throw thrown
        refused += `refused ${index + 1} ${thrown.message}\n`
      }
      this.#forgetLost()
    }
    return refused
  }

  #line(line: string): void {
    const [verb = '', ...words] = line.split(' ')
    const [device = '', second = ''] = words
    switch (verb) {
      case 'create':
        return this.#create(device, second)
      case 'delete':
        if (this.#devices.devices.has(device)) this.#devices.remove(device)
        return
      case 'key':
        this.#tunnel(device).publicKey = this.#ensureKey(device, second, '')
        return
      case 'forget':
        this.keys.delete(`${device}.${second}`)
        return
      case 'set':
        this.#tunnel(device).settings.set(second, words[2] ?? '')
        return
      case 'nft':
        return this.#nft.run(words.join(' ').replaceAll(/; (?=(add|delete) )/g, '\n'))
      case 'wg':
        return this.#wg(words)
      case 'ip':
        return this.#ip(words)
      default:
        throw new Error(`the fake tunnels do not know: ${line}`)
    }
  }

  #create(device: string, generation: string): void {
    this.#devices.add(device, { kind: 'tun', mtu: 1420 })
    const publicKey = this.#ensureKey(device, generation, '')
    this.#tunnels.set(device, { publicKey, port: 0, settings: new Map(), peers: new Map(), hangs: false })
  }

  #ip(words: readonly string[]): void {
    const [object = '', verb = '', address = '', , device = ''] = words
    if (object !== 'route') runIp(this.#devices, words.join(' '))
    else if (verb === 'replace') {
      if (!this.#devices.device(device).up) throw new Refusal('Error: Device for nexthop is not up.')
      this.#routes.set(address.replace('/32', ''), device)
    } else if (!this.#routes.delete(address.replace('/32', ''))) throw new Refusal('RTNETLINK answers: No such process')
  }

  #wg([, device = '', what = '', value = '', ...rest]: readonly string[]): void {
    const tunnel = this.#tunnel(device)
    if (what === 'listen-port') {
      tunnel.port = Number(value)
      return
    }
    if (what !== 'peer') throw new Error(`the fake tunnels do not know: wg set ${what}`)
    if (rest[0] === 'remove') {
      tunnel.peers.delete(value)
      return
    }
    const peer = tunnel.peers.get(value) ?? { endpoint: '(none)', allowed: new Set<string>(), keepalive: 'off' }
    tunnel.peers.set(value, peer)
    for (let at = 0; at < rest.length; at += 2) {
      const [key, given = ''] = [rest[at], rest[at + 1]]
      if (key === 'endpoint') peer.endpoint = given
      else if (key === 'persistent-keepalive') peer.keepalive = given === '0' ? 'off' : given
      else if (key === 'allowed-ips') {
        // An address belongs to one peer: whoever had it loses it.
        peer.allowed = new Set(given.split(','))
        for (const other of tunnel.peers.values())
          if (other !== peer) for (const one of peer.allowed) other.allowed.delete(one)
      } else throw new Error(`the fake tunnels do not know: wg set peer ${key}`)
    }
  }

  #remove(vni: string): string {
    for (const device of [`cwg${vni}a`, `cwg${vni}b`]) {
      if (this.#devices.devices.has(device)) this.#devices.remove(device)
      for (const file of this.keys.keys()) if (file.startsWith(`${device}.`)) this.keys.delete(file)
    }
    const table = `inet causeway_${vni}_tunnels`
    this.#nft.run(`add table ${table}\ndelete table ${table}`)
    this.#forgetLost()
    return ''
  }
}

function said(stdout: string): ExecResult {
  return { code: 0, stdout, stderr: '' }
}
