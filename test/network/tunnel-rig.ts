import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { until } from '../../lab/until.ts'
import { systemClock } from '../../src/base/clock.ts'
import { CausewayError } from '../../src/base/errors.ts'
import { execChecked } from '../../src/base/exec.ts'
import type { Host } from '../../src/base/host.ts'
import type { Gateway } from '../../src/network/overlay.ts'
import { desiredTunnels, type EncryptedOverlay } from '../../src/network/wireguard/desired-tunnels.ts'
import { KeyKeeper } from '../../src/network/wireguard/key-keeper.ts'
import { wireguardPart } from '../../src/network/wireguard/wireguard-part.ts'
import { openStore } from '../../src/store/open.ts'
import { TunnelKeyStore } from '../../src/store/tunnel-key-store.ts'
import { NetnsHost } from './netns-host.ts'
import { bareOverlay } from './sample.ts'

/** A gateway of the rig; behind NAT its leg ends at a router of its own, which has its underlay address. */
class RigGateway implements Host {
  readonly name: string
  readonly host: NetnsHost
  /** As if the way by which it is given commands were cut; its traffic goes on. */
  away = false

  constructor(name: string, host: NetnsHost) {
    this.name = name
    this.host = host
  }

  async exec(...[argv, options]: Parameters<Host['exec']>): ReturnType<Host['exec']> {
    if (this.away) throw new CausewayError('HostUnreachable', `${this.name} is away`)
    return await this.host.exec(argv, options)
  }

  close(): Promise<void> {
    return this.host.close()
  }
}

/**
 * Gateways with nothing but tunnels, in namespaces around a router. Their keys are kept, and what follows from them is
 * applied, as the controller does it.
 */
export class TunnelRig {
  readonly wan: NetnsHost
  readonly hosts = new Map<string, RigGateway>()
  gateways: readonly Gateway[]
  keeper: KeyKeeper
  /** What went wrong while it was applied: what is away counts as nothing. */
  readonly problems: string[] = []
  /** What was done at the gateways and when, for whoever has to find out why packets were lost. */
  readonly #done: string[] = []
  readonly #store: TunnelKeyStore
  readonly #rotateAfterMs: number | null
  readonly #closing: (() => Promise<void>)[]
  readonly #due = new Set<string>()
  readonly #applying = new Map<string, Promise<unknown>>()

  private constructor(
    wan: NetnsHost,
    gateways: readonly Gateway[],
    store: TunnelKeyStore,
    closing: (() => Promise<void>)[],
    rotateAfterMs: number | null,
  ) {
    this.#rotateAfterMs = rotateAfterMs
    this.wan = wan
    this.gateways = gateways
    this.#store = store
    this.#closing = closing
    this.keeper = this.#newKeeper()
  }

  /** `register` gets the way to clean up as soon as there is something to clean. */
  static async create(
    gateways: readonly Gateway[],
    register: (close: () => Promise<void>) => void,
    options: { readonly rotateAfterMs?: number } = {},
  ): Promise<TunnelRig> {
    const closing: (() => Promise<void>)[] = []
    register(async () => {
      for (const close of closing.toReversed()) await close()
    })
    const host = async (name: string) => {
      const made = await NetnsHost.create(name)
      closing.push(() => made.close())
      return made
    }
    const db = await openStore(':memory:')
    closing.push(() => db.destroy())
    const wan = await host('wan')
    const rig = new TunnelRig(wan, gateways, new TunnelKeyStore(db), closing, options.rotateAfterMs ?? null)
    closing.push(() =>
      rig.keeper
        .stop()
        .then(() => rig.#applying)
        .then(() => undefined),
    )
    await forwards(wan)
    for (const gateway of gateways) {
      const made = await host(gateway.name)
      rig.hosts.set(gateway.name, new RigGateway(gateway.name, made))
      if (gateway.nat) {
        const router = await host(`nat-${gateway.name}`)
        await leg(router, wan, gateway.name, gateway.underlay)
        await leg(made, router, 'inside', '192.168.1.2')
        await forwards(router)
        await router.run(
          'nft -f -',
          `table ip nat { chain out { type nat hook postrouting priority 100; oifname "wan0" masquerade; }; }
           table ip guard { chain in { type filter hook forward priority 0; iifname "wan0" ct state new drop; }; }`,
        )
      } else await leg(made, wan, gateway.name, gateway.underlay)
    }
    return rig
  }

  host(name: string): RigGateway {
    return this.hosts.get(name) ?? fail(`no gateway ${name}`)
  }

  overlay(): EncryptedOverlay {
    const encryption = { subnet: '198.18.0.0/15', port: 51_820, relay: 'head', ...this.keeper.facts }
    return { ...bareOverlay, gateways: this.gateways, encryption }
  }

  /** A gateway's address in the tunnels. */
  address(name: string): string {
    return desiredTunnels(this.overlay(), name).devices[0]?.address ?? fail('no device')
  }

  /** Keeps keys and applies from now on. */
  async start(): Promise<void> {
    await this.keeper.start()
    this.apply()
  }

  /** As a controller that ends and starts again. */
  async restart(): Promise<void> {
    await this.keeper.stop()
    this.keeper = this.#newKeeper()
    await this.start()
  }

  /** Applies to all gateways in the background, each at its own pace; as often as there was a reason. */
  apply(): void {
    for (const { name } of this.gateways) {
      if (this.#due.has(name)) continue
      this.#due.add(name)
      const before = this.#applying.get(name) ?? Promise.resolve()
      this.#applying.set(
        name,
        before.then(() => this.#applyTo(name)),
      )
    }
  }

  /** Applies to one gateway, and resolves to the commands that it took. */
  async applyNow(name: string): Promise<readonly string[]> {
    const task = await wireguardPart.look(this.host(name), this.overlay(), name)
    if (task.commands.length === 0) return []
    this.#done.push(...task.commands.map((command) => `${seconds(Date.now())} ${name}: ${command}`))
    for (const { command, reason } of await task.run()) this.problems.push(`${name}: ${command}: ${reason}`)
    return task.commands
  }

  /** Resolves when every gateway is as wanted, by two looks: the first may have been overtaken. */
  async settled(): Promise<void> {
    await until('all is applied', 120_000, async () => {
      await this.#idle()
      const given = await Promise.all(this.gateways.map((one) => this.applyNow(one.name)))
      return given.flat().length === 0
    })
  }

  /** Waits until each can reach each other through the tunnels. */
  async connected(): Promise<void> {
    for (const from of this.gateways)
      for (const to of this.gateways)
        await until(`${from.name} reaches ${to.name}`, 120_000, () => this.reaches(from.name, to.name))
  }

  async reaches(from: string, to: string): Promise<boolean> {
    const { code } = await this.host(from).host.exec(['ping', '-qnc', '1', '-W', '1', this.address(to)])
    return code === 0
  }

  /** The processes of wireguard-go at a gateway. */
  async processes(name: string): Promise<readonly string[]> {
    const { host } = this.host(name)
    const { stdout } = await host.exec(['pgrep', '-f', '^wireguard-go -f'])
    const inside = (await execChecked(host, ['ip', 'netns', 'pids', host.netns])).split('\n')
    return stdout.split('\n').filter((pid) => pid !== '' && inside.includes(pid))
  }

  /** Gives a gateway one more address on the WAN, and the router the first of its subnet. */
  async address2(name: string, address: string): Promise<void> {
    await legAddress(this.host(name).host, this.wan, name, address)
  }

  /** Pings from one gateway to another every 10 ms until it is asked how many there were; none may be lost. */
  ping(from: string, to: string): { allAnswered(): Promise<number> } {
    const [program = '', ...args] = this.host(from).host.argv('ping', '-nD', '-i', '0.01', this.address(to))
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#closing.push(async () => ended(child, 'SIGKILL'))
    let said = ''
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString()
    })
    return {
      allAnswered: async () => {
        await ended(child, 'SIGINT')
        const answers = [...said.matchAll(/^\[(\d+\.\d+)\].* icmp_seq=(\d+)/gm)]
        const answeredAt = new Map(answers.map(([, at, number]) => [Number(number), Number(at) * 1000]))
        // What was sent after it is on its way still.
        const sent = Math.max(0, ...answeredAt.keys())
        if (sent === 0) fail(`ping said: ${said}`)
        const lost = Array.from({ length: sent }, (_, k) => k + 1).filter((number) => !answeredAt.has(number))
        if (lost.length === 0) return sent
        const where = lost.map((number) => {
          const before = answeredAt.get(number - 1)
          return before === undefined ? number : `${number} (after ${seconds(before)})`
        })
        const what = `${lost.length} of ${sent} pings from ${from} to ${to} lost: ${where.join(', ')}`
        return fail([what, ...this.#done].join('\n'))
      },
    }
  }

  /** Resolves when nothing of the older keys is left anywhere. */
  async onlyNewKeys(device = 'cwg77b'): Promise<void> {
    for (const { host } of this.hosts.values()) {
      const left = async () => (await host.run('wg show interfaces')).trim()
      await until(`nothing of the older keys is left on ${host.name}`, 120_000, async () => (await left()) === device)
    }
  }

  async #idle(): Promise<void> {
    await Promise.all(this.#applying.values())
  }

  async #applyTo(name: string): Promise<void> {
    this.#due.delete(name)
    try {
      await this.applyNow(name)
    } catch (thrown) {
      if (!(thrown instanceof CausewayError) || thrown.code !== 'HostUnreachable') this.problems.push(String(thrown))
    }
  }

  #newKeeper(): KeyKeeper {
    return new KeyKeeper({
      vni: 77,
      gateways: this.gateways,
      hosts: this.hosts,
      store: this.#store,
      clock: systemClock,
      rotateAfterMs: this.#rotateAfterMs,
      onChange: () => this.apply(),
    })
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

async function forwards(host: NetnsHost): Promise<void> {
  await host.run('sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1')
}

/** A cable from a host's `wan0` to a router; the router has the first address of the subnet. */
async function leg(host: NetnsHost, router: NetnsHost, name: string, address: string): Promise<void> {
  await execChecked(host, `ip link add name wan0 type veth peer name w-${name} netns ${router.netns}`.split(' '))
  await host.run('ip link set dev wan0 up')
  await router.run(`ip link set dev w-${name} up`)
  await legAddress(host, router, name, address)
}

async function legAddress(host: NetnsHost, router: NetnsHost, name: string, address: string): Promise<void> {
  const six = address.includes(':')
  const [prefix, first] = six ? [64, address.replace(/:[^:]*$/, ':1')] : [24, address.replace(/\.\d+$/, '.1')]
  // An IPv6 address could not be used at once else: it would be asked whether another has it.
  const nodad = six ? ' nodad' : ''
  await host.run(`ip address add ${address}/${prefix} dev wan0${nodad}`)
  await router.run(`ip address add ${first}/${prefix} dev w-${name}${nodad}`)
  await host.run(`ip ${six ? '-6 ' : ''}route add default via ${first}`)
}

/** A moment, ms since the epoch, as seconds and milliseconds of its minute. */
function seconds(at: number): string {
  return ((at % 60_000) / 1000).toFixed(3)
}

function fail(message: string): never {
  throw new Error(message)
}
