import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Overlay } from '../../src/network/overlay.ts'
import { eventually } from '../contract/driver-contract.ts'
import type { NetnsHost } from './netns-host.ts'
import { member, sample, withIpv6, withMembers } from './sample.ts'
import { reaches, Segment } from './segment.ts'

const client6 = fileURLToPath(new URL('services/dhcp6-client.ts', import.meta.url))
const folder = '/var/lib/causeway/services/77'

const overlay: Overlay = {
  ...withIpv6(sample),
  services: { zone: 'lab.internal', forwarders: [], hosts: { nfs: '10.250.9.7', 'mirror.example': '10.250.9.2' } },
}

describe('DHCP and DNS at each site', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'causeway-services-'))
  const printer = join(scratch, 'print')
  let segment: Segment
  let close = async () => {}

  before(async () => {
    chmodSync(scratch, 0o755)
    writeFileSync(printer, '#!/bin/sh\n[ "$1" != bound ] || env\n', { mode: 0o755 })
    segment = await Segment.populated(overlay, (how) => {
      close = how
    })
  })
  after(async () => {
    await close()
    rmSync(scratch, { recursive: true })
  })

  /** What a node is given by DHCP, by the names that udhcpc has for it; null when nobody answers. */
  const dhcp = async (node: NetnsHost, attempts = 10, ...more: string[]) => {
    const client = ['udhcpc', '-i', 'eth0', '-n', '-q', '-f', '-t', `${attempts}`, '-T', '1', '-s', printer, ...more]
    const { code, stdout } = await node.exec(['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', ...client])
    if (code !== 0) return null
    return Object.fromEntries(stdout.split('\n').map((line) => line.split('=') as [string, string]))
  }
  /** The same by DHCPv6; each system that a machine may run has another identifier. */
  const dhcp6 = async (node: NetnsHost, attempts = 10, system = 'first') =>
    JSON.parse(await node.run(`${process.execPath} ${client6} eth0 ${attempts} ${system}`)) as object | null

  const dig = async (node: NetnsHost, server: string, ...question: string[]) => {
    const text = await node.run(`dig +tries=3 +time=2 +noall +comments +answer @${server} ${question.join(' ')}`)
    const status = /status: (\w+)/.exec(text)?.[1]
    const answers = text.split('\n').filter((line) => line !== '' && !line.startsWith(';'))
    return [status, ...answers.map((line) => line.split(/\s+/).slice(3).join(' '))].join(' ')
  }

  const given = {
    ip: '10.77.1.1',
    mask: '16',
    broadcast: '10.77.255.255',
    router: '10.77.1.254',
    dns: '10.77.1.254',
    domain: 'lab.internal',
    hostname: 'east-1',
    mtu: '1450',
    serverid: '10.77.1.254',
  }
  const given6 = { address: 'fd77:0:0:0:0:0:a4d:101', servers: 'fd77:0:0:0:0:0:a4d:1fe', zones: ['lab.internal'] }
  const assertGiven = async (node: NetnsHost, ...more: string[]) => {
    const lease = (await dhcp(node, 10, ...more)) ?? assert.fail('no answer')
    assert.deepEqual(Object.fromEntries(Object.keys(given).map((key) => [key, lease[key]])), given)
  }

  it('give a member what its seed would, whatever it calls itself', async () => {
    const node = segment.node('east-1')
    await assertGiven(node)
    await assertGiven(node, '-x', '0x3d:00aabbccddeeff', '-x', 'hostname:west-1')
    assert.equal(await dig(node, '10.77.1.254', 'west-1.lab.internal'), 'NOERROR A 10.77.2.1')
    assert.equal((await dhcp(segment.node('west-1')))?.ip, '10.77.2.1')
  })

  it('give it its IPv6 address by DHCPv6, and the router by advertisement', async () => {
    const node = segment.node('east-1')
    assert.deepEqual(await dhcp6(node), given6)
    await node.run('sysctl -qw net.ipv6.conf.eth0.accept_ra=2')
    await node.run('ip link set dev eth0 down')
    await node.run('ip link set dev eth0 up')
    const router = /^default via fe80::43:aff:fe4d:1fe dev eth0 proto ra/m
    await eventually(async () => assert.match(await node.run('ip -6 route show'), router))
    assert.equal(await node.run('cat /proc/sys/net/ipv6/conf/eth0/mtu'), '1450\n')
    const own = await node.run('ip -6 -o address show dev eth0 scope global')
    assert.equal(own, '', 'no address of its own making')
    await node.run('ip address add fd77::a4d:101/64 dev eth0 nodad')
    await node.run('ip route add default via 10.77.1.254')
    assert.ok(await reaches(node, 'fd77::a4d:201'))
  })

  it('give nothing to a MAC that is no member of this gateway', async (t) => {
    const [east, node] = [segment.gateway('east'), segment.node('east-2')]
    let own = 'fe80::43:aff:fe4d:102/64'
    // dnsmasq remembers for a minute and a half which MAC an address has, so each MAC speaks by an address of its own.
    const become = async (mac: string, address: string) => {
      await node.run(`ip link set dev eth0 address ${mac}`)
      await node.run(`ip address del ${own} dev eth0`)
      await node.run(`ip address add ${address} dev eth0 nodad`)
      own = address
    }
    t.after(async () => {
      await become('02:43:0a:4d:01:02', 'fe80::43:aff:fe4d:102/64')
      // Or it would look for the strangers again seconds later, one of them by a MAC of the other site.
      await east.run('ip -6 neigh flush dev cw77')
      await segment.apply(overlay)
    })
    // The guard would not let it be heard at all.
    await east.run('nft delete table bridge causeway_77')
    assert.equal((await dhcp(node))?.ip, '10.77.1.2')
    for (const [index, mac] of ['02:43:0a:4d:02:01', '02:00:00:00:00:07'].entries()) {
      await become(mac, `fe80::bad:${index}/64`)
      assert.equal(await dhcp(node, 1), null, mac)
      assert.equal(await dhcp(node, 1, '-r', '10.77.1.2'), null, mac)
      assert.equal(await dhcp6(node, 1), null, mac)
    }
  })

  it('send nothing over the WAN', async () => {
    const node = segment.node('east-1')
    const packets = await segment.wanPackets(async () => {
      await assertGiven(node)
      assert.deepEqual(await dhcp6(node), given6)
      await dig(node, '10.77.1.254', 'west-1.lab.internal')
    })
    assert.equal(packets, 0)
    assert.ok((await segment.wanPackets(() => dig(node, '10.77.2.254', 'west-1.lab.internal'))) > 0)
  })

  it('serve while the WAN is cut', async (t) => {
    const node = segment.node('east-1')
    t.after(() => segment.wan.run('ip link set dev w-east up'))
    await segment.wan.run('ip link set dev w-east down')
    assert.equal(await reaches(node, '10.77.2.1', 1), false)
    await assertGiven(node)
    assert.deepEqual(await dhcp6(node), given6)
    assert.equal(await dig(node, '10.77.1.254', 'west-1.lab.internal'), 'NOERROR A 10.77.2.1')
  })

  it('answer for the zone in both directions, and refuse all else', async () => {
    const node = segment.node('east-1')
    const questions = {
      'west-1.lab.internal': 'NOERROR A 10.77.2.1',
      'west-1.lab.internal AAAA': 'NOERROR AAAA fd77::a4d:201',
      'west-1': 'NOERROR A 10.77.2.1',
      'head.lab.internal': 'NOERROR A 10.77.0.1',
      'gateway-west.lab.internal AAAA': 'NOERROR AAAA fd77::a4d:2fe',
      'nfs.lab.internal': 'NOERROR A 10.250.9.7',
      'nfs.lab.internal AAAA': 'NOERROR',
      'mirror.example': 'NOERROR A 10.250.9.2',
      'mirror.example AAAA': 'NOERROR',
      'nobody.lab.internal': 'NXDOMAIN',
      '-x 10.77.2.1': 'NOERROR PTR west-1.lab.internal.',
      '-x 10.77.9.9': 'NXDOMAIN',
      '-x fd77::a4d:201': 'NOERROR PTR west-1.lab.internal.',
      'other.example': 'REFUSED',
      '-x 192.0.2.1': 'REFUSED',
    }
    for (const server of ['10.77.1.254', '10.77.0.1']) {
      for (const [question, answer] of Object.entries(questions)) {
        assert.equal(await dig(node, server, question), answer, `${question} at ${server}`)
      }
    }
  })

  it('let a node find short names by itself', async () => {
    const resolv = join(scratch, 'resolv.conf')
    writeFileSync(resolv, 'search lab.internal\nnameserver 10.77.1.254\n')
    const look = 'mount --bind "$0" /etc/resolv.conf; getent ahosts west-1; getent hosts 10.77.2.1'
    const { stdout } = await segment.node('east-1').exec(['sh', '-c', look, resolv])
    assert.match(stdout, /^fd77::a4d:201 +STREAM west-1\.lab\.internal$/m)
    assert.match(stdout, /^10\.77\.2\.1 +STREAM/m)
    assert.match(stdout, /^10\.77\.2\.1 +west-1\.lab\.internal west-1$|^10\.77\.2\.1 +west-1\.lab\.internal$/m)
  })

  it('ask the forwarders for what is not in the zone, and only that', async (t) => {
    t.after(() => segment.apply(overlay))
    const upstream = ['--conf-file=/dev/null', '--pid-file', '--no-resolv', '--no-hosts', '--bind-interfaces']
    const answers = ['--address=/example/192.0.2.8', '--address=/lab.internal/192.0.2.9', '--listen-address=10.250.9.2']
    // It ends with the namespace.
    const started = await segment.origin.exec(['dnsmasq', ...upstream, ...answers, '--except-interface=lo'])
    assert.equal(started.code, 0, started.stderr)
    const services = { zone: 'lab.internal', hosts: {}, forwarders: ['10.250.9.2'] }
    await segment.apply({ ...overlay, services })
    const node = segment.node('east-1')
    assert.equal(await dig(node, '10.77.1.254', 'other.example'), 'NOERROR A 192.0.2.8')
    assert.equal(await dig(node, '10.77.1.254', 'nobody.lab.internal'), 'NXDOMAIN')
    assert.equal(await dig(node, '10.77.1.254', 'west-1.lab.internal'), 'NOERROR A 10.77.2.1')
  })

  it('know a member as soon as it is one, and no longer', async () => {
    const late = { ...member('west-2', '10.77.2.2', 'west', 'cwp00000072'), address6: 'fd77::a4d:202' }
    const grown = withMembers(overlay, (members) => [...members, late])
    await segment.applyRaw(grown)
    const node = await segment.plug(grown, late)
    await segment.apply(grown)
    assert.equal((await dhcp(node))?.ip, late.address)
    const ask = () => dig(segment.node('east-1'), '10.77.1.254', 'west-2.lab.internal')
    await eventually(async () => assert.equal(await ask(), 'NOERROR A 10.77.2.2'))
    await segment.apply(overlay)
    await eventually(async () => assert.equal(await ask(), 'NXDOMAIN'))
    assert.equal(await dhcp(node, 1), null)
  })

  it('give the address of a member that is gone to the next one', async (t) => {
    const node = segment.node('east-1')
    t.after(async () => {
      await node.run('ip link set dev eth0 address 02:43:0a:4d:01:01')
      await segment.apply(overlay)
    })
    const leases = async () => (await segment.gateway('east').run(`cat ${folder}/leases`)).replace(/^duid.*\n/m, '')
    await assertGiven(node)
    assert.deepEqual(await dhcp6(node), given6)
    assert.match(await leases(), /10\.77\.1\.1 [^]*fd77::a4d:101 /)
    assert.equal(await dhcp6(node, 1, 'second'), null, 'the first system has it')
    await segment.apply(withMembers(overlay, (members) => members.filter(({ name }) => name !== 'east-1')))
    assert.doesNotMatch(await leases(), /10\.77\.1\.1 |fd77::a4d:101 /)
    await segment.apply(overlay)
    assert.deepEqual(await dhcp6(node, 10, 'second'), given6)
    await assertGiven(node)
    // Without having been away: the same address, another card.
    const mac = '02:43:0a:4d:01:77'
    await segment.apply(
      withMembers(overlay, (all) => all.map((one) => (one.name === 'east-1' ? { ...one, mac } : one))),
    )
    await node.run(`ip link set dev eth0 address ${mac}`)
    await assertGiven(node)
  })

  it('come back after a crash and after the bridge was made anew', async () => {
    const [east, node] = [segment.gateway('east'), segment.node('east-1')]
    await east.run(`kill -9 ${(await east.run(`cat ${folder}/pid`)).trim()}`)
    assert.equal(await dhcp(node, 1), null)
    await segment.apply(overlay)
    await assertGiven(node)
    await east.run('ip link del dev cw77')
    await segment.apply(overlay)
    for (const port of ['cwp000000e1', 'cwp000000e2']) await east.run(`ip link set dev ${port} master cw77`)
    await segment.apply(overlay)
    await assertGiven(node)
    assert.equal(await dig(node, '10.77.1.254', 'west-1.lab.internal'), 'NOERROR A 10.77.2.1')
  })

  it('go without a trace when they are not wanted any more', async () => {
    const commands = await segment.apply({ ...overlay, services: null })
    assert.deepEqual(commands, Array(3).fill('services: remove'))
    const node = segment.node('east-1')
    assert.equal(await dhcp(node, 1), null)
    for (const gateway of segment.gateways.values()) {
      assert.equal((await gateway.exec(['test', '-e', folder])).code, 1)
      assert.equal(await gateway.run('ss -Hlnup sport 53 or sport 67 or sport 547'), '')
    }
    assert.deepEqual(await segment.apply({ ...overlay, services: null }), [])
    await segment.apply(overlay)
    await assertGiven(node)
  })
})
