import type { LabHost } from '../../lab/host.ts'
import { must } from '../../lab/process.ts'
import { bridge, type Contender, startForDevice } from './contender.ts'
import { softether } from './softether.ts'
import { type Side, sides, underlayOf, type Wan } from './wan.ts'

/** The device of a peer's tunnel, on a bridge of the peer's own. */
const tapOf = (name: string) => `t-${name}`

/** A peer of which one process runs at each gateway; `start` begins it. */
function daemon(
  name: string,
  number: number,
  mtu: number,
  packets: readonly string[],
  start: (wan: Wan, tap: string) => Promise<void>,
): Contender {
  return {
    name,
    kind: 'peer',
    encrypted: true,
    mtu,
    subnet: `10.${number}`,
    packets,
    async up(wan, ports) {
      const tap = tapOf(name)
      await start(wan, tap)
      await bridge(wan, `b-${name}`, ports, tap)
    },
  }
}

const other = (side: Side): Side => (side === 1 ? 2 : 1)

/** OpenVPN with a tap device over UDP, certificates checked by their fingerprints. */
const openvpn = daemon('openvpn', 91, 1400, ['udp dport 1195'], async (wan, tap) => {
  const prints: Record<Side, string> = { 1: '', 2: '' }
  for (const side of sides) {
    const host = wan.gateways[side]
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1', '-keyout', '/root/ov.key', '-nodes']
    const certificate = ['-out', '/root/ov.crt', '-sha256', '-days', '30', '-subj', `/CN=site${side}`]
    await checked(host, ['openssl', 'req', '-x509', ...key, ...certificate])
    const printed = await checked(host, ['openssl', 'x509', '-in', '/root/ov.crt', '-noout', '-fingerprint', '-sha256'])
    prints[side] = printed.trim().split('=')[1] ?? ''
  }
  for (const side of sides) {
    const [mine, far] = [underlayOf(side), underlayOf(other(side))]
    const certified = ['--cert', '/root/ov.crt', '--key', '/root/ov.key', '--peer-fingerprint', prints[other(side)]]
    const buffers = ['--sndbuf', '2097152', '--rcvbuf', '2097152']
    const usual = ['--data-ciphers', 'AES-128-GCM', '--keepalive', '10', '60', ...buffers]
    const device = ['--dev', tap, '--dev-type', 'tap', '--proto', 'udp4', '--tun-mtu', '1400']
    const ends = ['--local', mine, '--lport', '1195', '--remote', far, '1195']
    const role = side === 1 ? ['--tls-server', '--dh', 'none'] : ['--tls-client']
    await startForDevice(wan.gateways[side], ['openvpn', ...device, ...ends, ...role, ...certified, ...usual], tap)
  }
})

/** tinc as a switch, with the ciphers that its documentation suggests today. */
const tinc = daemon('tinc', 92, 1400, ['udp dport 6550', 'tcp dport 6550', 'tcp sport 6550'], async (wan, tap) => {
  const folder = '/etc/tinc/bench'
  for (const side of sides) {
    const connect = side === 2 ? ['ConnectTo = site1'] : []
    const settings = ['Mode = switch', `Interface = ${tap}`, 'DeviceType = tap', 'AddressFamily = ipv4', ...connect]
    const host = wan.gateways[side]
    host.write(`${folder}/tinc.conf`, { content: lines(`Name = site${side}`, ...settings) })
    host.write(`${folder}/hosts/site${side}`, {
      content: lines(`Address = ${underlayOf(side)}`, 'Port = 6550', 'Cipher = aes-256-cbc', 'Digest = sha256'),
    })
    host.write(`${folder}/tinc-up`, { content: lines('#!/bin/sh', 'exit 0'), mode: 0o755 })
    await checked(host, ['tincd', '-c', folder, '-K', '2048'])
  }
  for (const side of sides) {
    const file = `${folder}/hosts/site${side}`
    wan.gateways[other(side)].write(file, { content: wan.gateways[side].read(file) })
  }
  for (const side of sides) {
    await startForDevice(wan.gateways[side], ['tincd', '-c', folder, '-D', '--pidfile=/run/tinc.pid'], tap)
  }
})

/** n2n: a supernode beside the first gateway, an edge at each. */
const n2n = daemon('n2n', 93, 1350, ['udp dport { 7654, 7655 }', 'udp sport { 7654, 7655 }'], async (wan, tap) => {
  const supernode = `${underlayOf(1)}:7654`
  await wan.gateways[1].start(['supernode', '-f', '-l', '7654'])
  for (const side of sides) {
    const own = ['-d', tap, '-a', `10.199.0.${side}`, '-m', `02:79:00:00:00:0${side}`, '-p', '7655', '-M', '1400']
    const rest = ['-c', 'bench', '-k', 'any-shared-word', '-l', supernode, '-r', '-f', '-u', '0', '-g', '0']
    await startForDevice(wan.gateways[side], ['edge', ...own, ...rest], tap)
    await checked(wan.gateways[side], ['ip', 'address', 'flush', 'dev', tap])
  }
})

/** fastd with its quickest encrypting method. */
const fastd = daemon('fastd', 94, 1400, ['udp dport 10000'], async (wan, tap) => {
  const keys: Record<Side, { secret: string; public: string }> = {
    1: { secret: '', public: '' },
    2: { secret: '', public: '' },
  }
  for (const side of sides) {
    const host = wan.gateways[side]
    const secret = (await checked(host, ['fastd', '--machine-readable', '--generate-key'])).trim()
    host.write('/root/fastd.key', { content: lines(`secret "${secret}";`), mode: 0o600 })
    const shown = await checked(host, ['fastd', '--machine-readable', '--show-key', '--config', '/root/fastd.key'])
    keys[side] = { secret, public: shown.trim() }
  }
  for (const side of sides) {
    const far = `peer "far" { key "${keys[other(side)].public}"; remote ${underlayOf(other(side))}:10000; }`
    wan.gateways[side].write('/root/fastd.conf', {
      content: lines(
        `secret "${keys[side].secret}"; method "salsa2012+umac"; mode tap; interface "${tap}"; mtu 1400;`,
        `bind ${underlayOf(side)}:10000; log level warn; ${far}`,
      ),
      mode: 0o600,
    })
    await startForDevice(wan.gateways[side], ['fastd', '--config', '/root/fastd.conf'], tap)
  }
})

/** All that we compare with. */
export const peers: readonly Contender[] = [softether, openvpn, tinc, n2n, fastd]

/** Installs them where they are missing. @throws CausewayError `CommandFailed` with what could not be installed. */
export async function installPeers(): Promise<void> {
  await must([`${import.meta.dirname}/setup`], { timeoutMs: 10 * 60_000 })
}

async function checked(host: LabHost, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.exec(argv, { timeoutMs: 60_000 })
  if (code !== 0)
    throw new Error(`${host.name}: ${argv[0]} ended with status ${code}: ${stderr.trim() || stdout.trim()}`)
  return stdout
}

function lines(...all: string[]): string {
  return `${all.join('\n')}\n`
}
