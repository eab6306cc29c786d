import { parseIpv4 } from '../../src/base/ipv4.ts'
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
        [...kernel.neighbours.values()]
          .filter((one) => one.permanent || one.learned)
          .map(({ address, device, mac, permanent, learned }) => ({
            dst: address,
            dev: device,
            lladdr: mac,
            ...(learned ? { extern_learn: null } : {}),
            state: [permanent ? 'PERMANENT' : 'NOARP'],
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
      if (words[2]?.includes(':') && !kernel.hasIpv6(dev())) throw new Refusal(ipv6Off)
      dev().addresses = [...new Set([...dev().addresses, words[2] ?? ''])]
      return ''
    case 'address del':
      dev().addresses = withoutAddress(dev().addresses, words[2] ?? '')
      return ''
    case 'neigh replace': {
      const [address, mac, device] = [words[2] ?? '', after('lladdr') ?? '', dev().name]
      if (address.includes(':') && !kernel.hasIpv6(dev())) throw new FatalRefusal(ipv6Off)
      const [permanent, learned] = [after('nud') === 'permanent', words.includes('extern_learn')]
      kernel.neighbours.set(`${device} ${address}`, { address, mac, device, permanent, learned })
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

const ipv6Off = 'Error: ipv6: IPv6 is disabled on this device.'

/** As the kernel does: the first IPv4 address of a subnet takes the later ones along. */
function withoutAddress(addresses: readonly string[], address: string): string[] {
  if (!addresses.includes(address)) throw new Refusal('RTNETLINK answers: Cannot assign requested address')
  const subnet = (one: string) => {
    const [at = '', prefix] = one.split('/')
    return one.includes(':') ? one : `${Math.floor((parseIpv4(at) ?? 0) / 2 ** (32 - Number(prefix)))}/${prefix}`
  }
  const alike = addresses.filter((one) => subnet(one) === subnet(address))
  const gone = alike[0] === address ? alike : [address]
  return addresses.filter((one) => !gone.includes(one))
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
  device.group = after('group')?.replace(/^0$/, 'default') ?? device.group
  if (master !== null) kernel.join(device, kernel.device(master))
  if (words.includes('nomaster')) kernel.leave(device)
  if (mtu !== null) kernel.setMtu(device, Number(mtu))
  if (mac !== null) kernel.setMac(device, mac)
  if (words.includes('up')) device.up = true
  if (words.includes('down')) kernel.setDown(device)
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
      if (verb === 'replace' && mac === '00:00:00:00:00:00')
        throw new Refusal('Error: Cannot replace non-unicast fdb entries.')
      const [sticky, learned] = [words.includes('sticky'), words.includes('extern_learn')]
      const state = words.includes('static') ? 'static' : words.includes('dynamic') ? '' : 'permanent'
      const entry = { mac, device: device.name, master, dst: after('dst'), state, sticky, learned }
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
    ...(vxlan.local === null ? {} : { [vxlan.local.includes(':') ? 'local6' : 'local']: vxlan.local }),
    ...(vxlan.remote === null ? {} : { remote: vxlan.remote }),
  }
  return {
    ifname: device.name,
    address: device.mac,
    mtu: device.mtu,
    flags: ['BROADCAST', ...(device.up ? ['UP'] : [])],
    ...(device.master === null ? {} : { master: device.master }),
    group: device.group,
    linkinfo: {
      info_kind: kind,
      ...((bridgeData ?? vxlanData) ? { info_data: bridgeData ?? vxlanData } : {}),
      ...(portFlags === null ? {} : { info_slave_kind: 'bridge', info_slave_data: portFlags }),
    },
    addr_info: device.addresses
      .toSorted((a, b) => Number(a.includes(':')) - Number(b.includes(':')))
      .map((one) => {
        const [local, prefix] = one.split('/')
        return { family: one.includes(':') ? 'inet6' : 'inet', local, prefixlen: Number(prefix), scope: 'global' }
      }),
  }
}

function entryJson({ mac, device, master, dst, state, sticky, learned }: FakeDevices['entries'][number]): unknown {
  return {
    mac,
    ifname: device,
    flags: [...(learned ? ['extern_learn'] : []), ...(sticky ? ['sticky'] : []), ...(master === null ? ['self'] : [])],
    ...(dst === null ? {} : { dst }),
    ...(master === null ? {} : { master }),
    state,
  }
}
