import type { LabHost } from '../../lab/host.ts'
import { until } from '../../lab/until.ts'
import { bridge, type Contender } from './contender.ts'
import { sides, underlayOf } from './wan.ts'

const server = '/usr/libexec/softether/vpnserver/vpnserver'

/** It guards nothing: each gateway is a namespace that is gone a minute later. */
const password = 'bench'

const tlsConf = '/etc/softether-openssl.cnf'

/** SoftEther calls its TAP device `tap_` and what it is told. */
const tap = 'tap_bench'

/** SoftEther VPN: a server at each gateway with a hub on a TAP device, the second one's cascaded to the first one's over TLS. */
export const softether: Contender = {
  name: 'softether',
  kind: 'peer',
  encrypted: true,
  mtu: 1500,
  subnet: '10.95',
  packets: ['tcp dport 5555', 'tcp sport 5555'],
  async up(wan, ports) {
    for (const side of sides) await serve(wan.gateways[side])
    await tell(
      wan.gateways[1],
      'hub',
      'UserCreate far /GROUP:none /REALNAME:none /NOTE:none',
      `UserPasswordSet far /PASSWORD:${password}`,
    )
    await tell(
      wan.gateways[2],
      'hub',
      `CascadeCreate near /SERVER:${underlayOf(1)}:5555 /HUB:BENCH /USERNAME:far`,
      `CascadePasswordSet near /PASSWORD:${password} /TYPE:standard`,
      'CascadeDetailSet near /MAXTCP:8 /INTERVAL:1 /TTL:0 /HALF:no /NOQOS:yes',
      'CascadeOnline near',
    )
    for (const side of sides) {
      const made = async () => (await wan.gateways[side].exec(['ip', 'link', 'show', 'dev', tap])).code === 0
      await until('SoftEther has its device', 20_000, made)
    }
    await bridge(wan, 'b-softether', ports, tap)
  },
}

async function serve(host: LabHost): Promise<void> {
  for (const folder of ['/run/softether', '/var/lib/softether', '/var/log/softether'])
    await host.exec(['mkdir', '-p', folder])
  // With TLS 1.3 this version's sessions often get no connection that carries data: they are established, and time out.
  host.write(tlsConf, {
    content: 'openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\nMaxProtocol = TLSv1.2\n',
  })
  await host.start([server, 'execsvc'], { env: { OPENSSL_CONF: tlsConf } })
  await until('SoftEther answers', 20_000, async () => (await vpncmd(host, '/CMD', 'ServerInfoGet')).code === 0)
  const { code, stdout } = await vpncmd(host, '/CMD', 'ServerPasswordSet', password)
  if (code !== 0) throw new Error(`${host.name}: SoftEther refuses a password: ${stdout.trim().slice(-300)}`)
  await tell(
    host,
    'server',
    `HubCreate BENCH /PASSWORD:${password}`,
    'BridgeCreate BENCH /DEVICE:bench /TAP:yes',
    'HubDelete DEFAULT',
  )
}

/** Gives the server, or its hub, some commands. */
async function tell(host: LabHost, whom: 'server' | 'hub', ...commands: string[]): Promise<void> {
  const file = '/run/softether/commands'
  host.write(file, { content: `${commands.join('\n')}\n`, mode: 0o600 })
  const hub = whom === 'hub' ? ['/ADMINHUB:BENCH'] : []
  const { stdout } = await vpncmd(host, `/PASSWORD:${password}`, ...hub, `/IN:${file}`)
  const done = stdout.match(/^The command completed successfully\.$/gm)?.length ?? 0
  if (done < commands.length) throw new Error(`${host.name}: SoftEther refuses a command: ${stdout.trim().slice(-500)}`)
}

function vpncmd(host: LabHost, ...how: string[]) {
  return host.exec(['vpncmd', 'localhost:5555', '/SERVER', ...how])
}
