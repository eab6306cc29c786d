import { type Device, type FakeDevices, FatalRefusal, Refusal } from './fake-devices.ts'

/** One line of `ip`: changes the fake kernel and returns what is printed. Fails on a command that it does not know. */
export function runIp(kernel: FakeDevices, line: string): string {
  const words = line.split(' ')
  const [object, verb] = words
  const after = (key: string) => {
    const at = words.indexOf(key)
    return at < 0 ? null : (words[at + 1] ?? null)
  }
  const dev = () => kernel.device(after('dev') ?? '')
  switch (`${object} ${verb}`) {
    case 'address show':
      return JSON.stringify([...kernel.devices.values()].map(linkJson))
    case 'neigh show':
      return JSON.stringify(
        [...kernel.neighbours.values()].map((one) => ({
          dst: one.address,
          dev: one.device,
          lladdr: one.mac,
          state: ['PERMANENT'],
        })),
      )
    case 'link add':
      addLink(kernel, words, after)
      return ''
    case 'link del':
      kernel.remove(after('dev') ?? '')
      return ''
    case 'link set':
      setLink(kernel, dev(), words, after)
      return ''
    case 'address add':
    case 'address replace':
      dev().addresses = [...new Set([...dev().addresses, words[2] ?? ''])]
      return ''
    case 'address del':
      // As the kernel does: the first address of a subnet takes the later ones along.
      if (!dev().addresses.includes(words[2] ?? ''))
        throw new Refusal('RTNETLINK answers: Cannot assign requested address')
      dev().addresses = dev().addresses[0] === words[2] ? [] : dev().addresses.filter((one) => one !== words[2])
      return ''
    case 'neigh replace': {
      const [address, mac, device] = [words[2] ?? '', after('lladdr') ?? '', dev().name]
      kernel.neighbours.set(`${device} ${address}`, { address, mac, device })
      return ''
    }
    case 'neigh del':
      if (!kernel.neighbours.delete(`${dev().name} ${words[2]}`))
        throw new FatalRefusal('RTNETLINK answers: No such file or directory')
      return ''
    case 'neigh flush':
      kernel.dropNeighbours(dev().name)
      return ''
    default:
      throw new Error(`the fake kernel does not know: ip ${line}`)
  }
}

function addLink(kernel: FakeDevices, words: string[], after: (key: string) => string | null): void {
  const name = after('name') ?? ''
  const mtu = after('mtu')
  const mac = after('address')
  const given = { ...(mtu === null ? {} : { mtu: Number(mtu) }), ...(mac === null ? {} : { mac }) }
  const kind = after('type') ?? ''
  switch (kind) {
    case 'bridge':
      kernel.add(name, { kind, ...given })
      setBridge(kernel.device(name), after)
      return
    case 'vxlan': {
      const [vni, port, learning] = [Number(after('id')), Number(after('dstport')), !words.includes('nolearning')]
      kernel.add(name, {
        kind,
        ...given,
        vxlan: { vni, local: after('local'), port, learning, remote: after('remote') },
      })
      return
    }
    case 'veth': {
      const peer = words.at(-1) ?? ''
      kernel.add(name, { kind, ...given, peer })
      kernel.add(peer, { kind, peer: name })
      return
    }
    default:
      throw new Error(`the fake kernel can't make a ${kind}`)
  }
}

function setLink(kernel: FakeDevices, device: Device, words: string[], after: (key: string) => string | null): void {
  const [master, mtu, mac, type] = [after('master'), after('mtu'), after('address'), after('type')]
  if (master !== null) kernel.join(device, kernel.device(master))
  if (words.includes('nomaster')) kernel.leave(device)
  if (mtu !== null) device.mtu = Number(mtu)
  if (mac !== null) kernel.setMac(device, mac)
  if (words.includes('up')) device.up = true
  if (words.includes('down')) device.up = false
  if (type === 'bridge') setBridge(device, after)
  if (type === 'bridge_slave') {
    const { portFlags } = device
    if (portFlags === null) throw new Refusal('RTNETLINK answers: Operation not supported')
    for (const key of Object.keys(portFlags) as (keyof typeof portFlags)[]) {
      const value = after(key)
      if (value !== null) portFlags[key] = value === 'on'
    }
  }
}

function setBridge({ bridge }: Device, after: (key: string) => string | null): void {
  if (bridge === null) throw new Refusal('RTNETLINK answers: Operation not supported')
  const [stp, snooping] = [after('stp_state'), after('mcast_snooping')]
  if (stp !== null) bridge.stp = stp === '1'
  if (snooping !== null) bridge.multicastSnooping = snooping === '1'
}

/** One line of `bridge`. */
export function runBridge(kernel: FakeDevices, line: string): string {
  const words = line.split(' ')
  const [object, verb = '', mac = ''] = words
  const after = (key: string) => {
    const at = words.indexOf(key)
    return at < 0 ? null : (words[at + 1] ?? null)
  }
  if (object !== 'fdb') throw new Error(`the fake kernel does not know: bridge ${line}`)
  if (verb === 'show') return JSON.stringify(kernel.entries.map(entryJson))
  const device = kernel.device(after('dev') ?? '')
  const ofBridge = words.includes('master')
  if (ofBridge && device.master === null) throw new Refusal('RTNETLINK answers: Operation not supported')
  // A bridge's own entry is written through the bridge itself, and belongs to its list.
  const master = ofBridge ? device.master : device.bridge === null ? null : device.name
  switch (verb) {
    case 'replace':
    case 'append': {
      const state = words.includes('static') ? 'static' : 'permanent'
      const entry = { mac, device: device.name, master, dst: after('dst'), state, sticky: words.includes('sticky') }
      kernel.putEntry(entry, verb === 'append')
      return ''
    }
    case 'del':
      kernel.dropEntry(mac, device.name, master, after('dst'))
      return ''
    case 'flush':
      kernel.flush(device.name)
      return ''
    default:
      throw new Error(`the fake kernel does not know: bridge ${line}`)
  }
}

function linkJson(device: Device): unknown {
  const { kind, bridge, vxlan, portFlags } = device
  const bridgeData = bridge && { stp_state: bridge.stp ? 1 : 0, mcast_snooping: bridge.multicastSnooping ? 1 : 0 }
  const vxlanData = vxlan && {
    id: vxlan.vni,
    port: vxlan.port,
    learning: vxlan.learning,
    ...(vxlan.local === null ? {} : { local: vxlan.local }),
    ...(vxlan.remote === null ? {} : { remote: vxlan.remote }),
  }
  return {
    ifname: device.name,
    address: device.mac,
    mtu: device.mtu,
    flags: ['BROADCAST', ...(device.up ? ['UP'] : [])],
    ...(device.master === null ? {} : { master: device.master }),
    linkinfo: {
      info_kind: kind,
      ...((bridgeData ?? vxlanData) ? { info_data: bridgeData ?? vxlanData } : {}),
      ...(portFlags === null ? {} : { info_slave_kind: 'bridge', info_slave_data: portFlags }),
    },
    addr_info: device.addresses.map((one) => {
      const [local, prefix] = one.split('/')
      return { family: 'inet', local, prefixlen: Number(prefix) }
    }),
  }
}

function entryJson({ mac, device, master, dst, state, sticky }: FakeDevices['entries'][number]): unknown {
  return {
    mac,
    ifname: device,
    flags: [...(sticky ? ['sticky'] : []), ...(master === null ? ['self'] : [])],
    ...(dst === null ? {} : { dst }),
    ...(master === null ? {} : { master }),
    state,
  }
}
