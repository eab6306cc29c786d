import { mkdirSync } from 'node:fs'
import { nameServiceFiles } from '../../lab/accounts.ts'
import { Cable } from '../../lab/cable.ts'
import { cleanUp, diskName, labFolder } from '../../lab/clean-up.ts'
import { LabHost } from '../../lab/host.ts'
import { own, refuseIfOwned } from '../../lab/owner.ts'
import { must } from '../../lab/process.ts'

/** What this benchmark is called among the labs, so that `scripts/lab down --crashed` finds what a crashed run left. */
export const lab = 'bwan'

/** The line between the two sites. */
export interface Line {
  readonly name: string
  /** Null: a pair of devices in the kernel, as quick as the machine. */
  readonly cable: { readonly delayMs: number; readonly rate: string } | null
}

/** One of the two sites. */
export type Side = 1 | 2
export const sides: readonly Side[] = [1, 2]

/** A gateway's address on the WAN. */
export function underlayOf(side: Side): string {
  return `10.250.${side}.2`
}

/** The network namespace of this name in the benchmark's lab. */
export function netnsOf(name: string): string {
  return `cw-${lab}-${name}`
}

/** Two gateways and the router between them; in front of the second one is the line. */
export class Wan {
  readonly line: Line
  readonly gateways: Readonly<Record<Side, LabHost>>
  #cable: Cable | null = null

  /**
   * Takes the names of this benchmark for this process: without that nothing of another run may be removed.
   * @throws CausewayError `Conflict` while another run is alive
   */
  static claim(): void {
    refuseIfOwned(lab)
    own(lab)
  }

  /** Removes what an earlier run left, and brings the line and the gateways up. */
  static async up(line: Line): Promise<Wan> {
    Wan.claim()
    await cleanUp(lab)
    own(lab)
    const disk = `${labFolder(lab)}/disk`
    mkdirSync(disk)
    await must(['mount', '-t', 'tmpfs', '-o', 'mode=0755', diskName(lab), disk])
    const wan = new Wan(line, disk)
    await wan.#build()
    return wan
  }

  private constructor(line: Line, disk: string) {
    this.line = line
    const files = nameServiceFiles({})
    const host = (side: Side) =>
      new LabHost({ name: `gateway${side}`, netns: netnsOf(`gw${side}`), folder: `${disk}/gw${side}`, files })
    this.gateways = { 1: host(1), 2: host(2) }
  }

  /** The cable. @throws Error where the line is none. */
  get cable(): Cable {
    if (this.#cable === null) throw new Error(`${this.line.name}: there is no cable to cut`)
    return this.#cable
  }

  /** Makes a network namespace that goes with the lab. */
  async addNamespace(name: string): Promise<string> {
    const netns = netnsOf(name)
    await must(['ip', 'netns', 'add', netns])
    const settings = [
      'net.ipv6.conf.default.disable_ipv6=1',
      'net.ipv6.conf.all.disable_ipv6=1',
      // Enough for 1 Gbit/s over 20 ms and the buffer in front of it.
      'net.ipv4.tcp_wmem=4096 65536 33554432',
      'net.ipv4.tcp_rmem=4096 131072 33554432',
      ...['iptables', 'ip6tables', 'arptables'].map((tables) => `net.bridge.bridge-nf-call-${tables}=0`),
    ]
    await must(['ip', 'netns', 'exec', netns, 'sysctl', '-q', '-e', '-w', ...settings])
    await must(['ip', '-n', netns, 'link', 'set', 'lo', 'up'])
    return netns
  }

  static async remove(): Promise<void> {
    await cleanUp(lab)
  }

  async #build(): Promise<void> {
    const wan = await this.addNamespace('wan')
    await must(['ip', 'netns', 'exec', wan, 'sysctl', '-qw', 'net.ipv4.ip_forward=1'])
    for (const side of sides) {
      const netns = await this.addNamespace(`gw${side}`)
      await this.#join(wan, `s${side}`, netns, side === 2 ? this.line.cable : null)
      const address = underlayOf(side)
      const router = address.replace(/2$/, '1')
      await batch(wan, [`addr add ${router}/24 dev s${side}`, `link set s${side} up`])
      await batch(netns, [`addr add ${address}/24 dev wan0`, 'link set wan0 up', `route add default via ${router}`])
      await this.gateways[side].powerOn()
    }
  }

  async #join(wan: string, device: string, netns: string, cable: Line['cable']): Promise<void> {
    if (cable === null) {
      await must(['ip', '-n', wan, 'link', 'add', device, 'type', 'veth', 'peer', 'name', 'wan0', 'netns', netns])
      return
    }
    const program = await must([`${import.meta.dirname}/../../lab/wandelay/build`])
    const ends = [
      { netns: wan, device },
      { netns, device: 'wan0' },
    ] as const
    this.#cable = await Cable.plug(program.trim(), { ...cable, ends })
  }
}

/** Gives `ip` some lines in a namespace. */
export async function batch(netns: string, lines: readonly string[]): Promise<void> {
  await must(['ip', '-n', netns, '-batch', '-'], { stdin: `${lines.join('\n')}\n` })
}
