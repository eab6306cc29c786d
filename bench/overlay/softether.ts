import type { LabHost, LabProcess } from '../../lab/host.ts'
import { until } from '../../lab/until.ts'
import { CausewayError } from '../../src/base/errors.ts'
import { bridge, type Contender } from './contender.ts'
import { batch, type Side, sides, underlayOf, type Wan } from './wan.ts'

const server = '/usr/libexec/softether/vpnserver/vpnserver'

/** It guards nothing: each gateway is a namespace that is gone a minute later. */
const password = 'bench'

/** SoftEther calls its TAP device `tap_` and what it is told. */
const tap = 'tap_bench'

/** The gateways' own addresses on it, only to see whether it works. */
const probeAddress = (side: Side) => `10.195.0.${side}`

/** How often it is tried to have the servers take to each other. */
const attempts = 6

/** SoftEther VPN: a server at each gateway with a hub on a TAP device, the second one's cascaded to the first one's over TLS. */
export const softether: Contender = {
  name: 'softether',
  kind: 'peer',
  encrypted: true,
  mtu: 1500,
  subnet: '10.95',
  // TCP, and what it calls UDP acceleration, on any port: no other contender has its packets from such ports.
  packets: ['tcp dport 5555', 'tcp sport 5555', 'udp sport 40000-51000 udp dport 40000-51000'],
  async up(wan, ports) {
    await join(wan)
    await bridge(wan, 'b-softether', ports, tap)
  },
}

/**
 * Starts both servers and connects them. In about one of four lives of a server (5.01.9674) its sessions are established but never
 * get a connection that carries data, however often they begin anew, or it answers nothing: then both servers are started anew.
 */
async function join(wan: Wan): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const servers: LabProcess[] = []
    try {
      for (const side of sides) servers.push(await start(wan.gateways[side]))
      for (const side of sides) await prepare(wan.gateways[side])
      await cascade(wan)
      for (const side of sides) {
        const { netns } = wan.gateways[side]
        await batch(netns, [`address add ${probeAddress(side)}/24 dev ${tap}`, `link set ${tap} up`])
      }
      await until('SoftEther carries data', 10_000, () => carries(wan))
      for (const side of sides) await wan.gateways[side].exec(['ip', 'address', 'flush', 'dev', tap])
      return
    } catch (error) {
      if (attempt === attempts || !(error instanceof CausewayError) || error.code !== 'CommandTimeout') throw error
      await Promise.all(servers.map((one) => one.kill('SIGKILL')))
    }
  }
}

async function start(host: LabHost): Promise<LabProcess> {
  const folders = ['/run/softether', '/var/lib/softether', '/var/log/softether']
  await host.exec(['rm', '-rf', ...folders])
  await host.exec(['mkdir', '-p', ...folders])
  return host.start([server, 'execsvc'])
}

async function prepare(host: LabHost): Promise<void> {
  await until('SoftEther answers', 20_000, async () => (await vpncmd(host, '/CMD', 'ServerInfoGet')).code === 0)
  const { code, stdout } = await vpncmd(host, '/CMD', 'ServerPasswordSet', password)
  if (code !== 0) throw new Error(`${host.name}: SoftEther refuses a password: ${stdout.trim().slice(-300)}`)
  const hub = [
    `HubCreate BENCH /PASSWORD:${password}`,
    'BridgeCreate BENCH /DEVICE:bench /TAP:yes',
    'HubDelete DEFAULT',
  ]
  await tell(host, 'server', ...hub)
  const made = async () => (await host.exec(['ip', 'link', 'show', 'dev', tap])).code === 0
  await until('SoftEther has its device', 20_000, made)
}

async function cascade(wan: Wan): Promise<void> {
  const user = ['UserCreate far /GROUP:none /REALNAME:none /NOTE:none', `UserPasswordSet far /PASSWORD:${password}`]
  await tell(wan.gateways[1], 'hub', ...user)
  await tell(
    wan.gateways[2],
    'hub',
    `CascadeCreate near /SERVER:${underlayOf(1)}:5555 /HUB:BENCH /USERNAME:far`,
    `CascadePasswordSet near /PASSWORD:${password} /TYPE:standard`,
    'CascadeDetailSet near /MAXTCP:8 /INTERVAL:1 /TTL:0 /HALF:no /NOQOS:yes',
    'CascadeOnline near',
  )
}

/** Whether something that is sent into one end comes out at the other. */
async function carries(wan: Wan): Promise<boolean> {
  const { code } = await wan.gateways[1].exec(['ping', '-q', '-n', '-c', '1', '-W', '1', probeAddress(2)])
  return code === 0
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
  return host.exec(['vpncmd', 'localhost:5555', '/SERVER', ...how], { timeoutMs: 8000 })
}
