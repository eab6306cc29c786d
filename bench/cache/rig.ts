import { mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Cable } from '../../lab/cable.ts'
import { cleanUp, diskName, labFolder } from '../../lab/clean-up.ts'
import { own, refuseIfOwned } from '../../lab/owner.ts'
import { type Daemon, must, startDaemon } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'
import { OriginControl } from './origin.ts'

/** What this benchmark is called among the labs, so that `scripts/lab down --crashed` finds what a crashed run left. */
const lab = 'bcache'

/** The three places: the packages' origin, the site's gateway with the caches, and the nodes. */
export type Place = 'origin' | 'site' | 'nodes'

/** Where the origin is, as the site sees it. */
export const originAddress = '10.97.9.2'

/** Where the caches are, as the nodes see them. */
export const siteAddress = '10.97.1.1'

/** The line between origin and site. */
export interface Line {
  readonly name: string
  /** Null: a pair of devices in the kernel, as quick as the machine. */
  readonly cable: { readonly delayMs: number; readonly rate: string; readonly lossPercent?: number } | null
  /** At the origin, which sends most; `cubic` is what most mirrors have. */
  readonly congestion: 'cubic' | 'bbr'
}

/** Packages that the origin's repository has, and their bytes. */
export const stock = { count: 120, bytes: 80_000_000 }

const originMain = fileURLToPath(new URL('origin-main.ts', import.meta.url))

/**
 * Three network namespaces in a row, all files in memory: origin, line, site, a pair of devices of MTU 1500, nodes. The
 * kernel's own limits for windows are those of Debian, whatever this machine has.
 */
export class Rig {
  readonly line: Line
  readonly disk = `${labFolder(lab)}/disk`
  readonly origin: OriginControl
  #cable: Cable | undefined

  /**
   * Takes the names of this benchmark for this process: without that nothing of another run may be removed.
   * @throws CausewayError `Conflict` while another run is alive
   */
  static claim(): void {
    refuseIfOwned(lab)
    own(lab)
  }

  /** Removes what an earlier run left, and brings all up. */
  static async up(line: Line): Promise<Rig> {
    Rig.claim()
    await cleanUp(lab)
    own(lab)
    const rig = new Rig(line)
    mkdirSync(rig.disk)
    await must(['mount', '-t', 'tmpfs', '-o', 'mode=0755', diskName(lab), rig.disk])
    for (const place of ['origin', 'site', 'nodes'] as const) await rig.#addPlace(place)
    await rig.#join()
    await rig.#startOrigin()
    return rig
  }

  static async remove(): Promise<void> {
    await cleanUp(lab)
  }

  private constructor(line: Line) {
    this.line = line
    this.origin = new OriginControl(`${this.disk}/origin.sock`)
  }

  /** The cable. @throws Error where the line is none. */
  get cable(): Cable {
    if (this.#cable === undefined) throw new Error(`${this.line.name}: there is no cable`)
    return this.#cable
  }

  /** A command line that runs in that place. */
  at(place: Place, argv: readonly string[]): string[] {
    return ['nsenter', `--net=/run/netns/${netnsOf(place)}`, ...argv]
  }

  /** Starts a program in a place; what it says goes to `NAME.log` in the rig's folder. */
  async start(place: Place, name: string, argv: readonly string[]): Promise<Daemon> {
    const env = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, LC_ALL: 'C' }
    return startDaemon(this.at(place, argv), { log: `${this.disk}/${name}.log`, name, env })
  }

  /** A file of the rig's folder, such as a program's log. */
  read(name: string): string {
    return readFileSync(`${this.disk}/${name}`, 'utf8')
  }

  /** Bytes that have come to the site over the line so far, with all headers. */
  async bytesOverLine(): Promise<number> {
    const said = await must(['ip', '-n', netnsOf('site'), '-s', '-j', 'link', 'show', 'dev', 'wan0'])
    const [link] = JSON.parse(said) as { stats64: { rx: { bytes: number } } }[]
    return link?.stats64.rx.bytes ?? Number.NaN
  }

  /** The algorithm that the origin's connections really have; undefined while none is open. */
  async congestionAtOrigin(): Promise<string | undefined> {
    const said = await must(this.at('origin', ['ss', '-tinH', 'state', 'established', 'sport', '=', ':80']))
    return /\b(cubic|bbr|reno)\b/.exec(said)?.[1]
  }

  async #addPlace(place: Place): Promise<void> {
    const netns = netnsOf(place)
    await must(['ip', 'netns', 'add', netns])
    const settings = [
      'net.ipv6.conf.default.disable_ipv6=1',
      'net.ipv6.conf.all.disable_ipv6=1',
      'net.ipv4.tcp_rmem=4096 131072 6291456',
      'net.ipv4.tcp_wmem=4096 16384 4194304',
      'net.core.somaxconn=16384',
      'net.ipv4.tcp_max_syn_backlog=16384',
    ]
    await must(['ip', 'netns', 'exec', netns, 'sysctl', '-q', '-w', ...settings])
    await must(['ip', '-n', netns, 'link', 'set', 'lo', 'up'])
  }

  async #join(): Promise<void> {
    const [origin, site, nodes] = [netnsOf('origin'), netnsOf('site'), netnsOf('nodes')]
    const { cable } = this.line
    if (cable === null) {
      await must(['ip', '-n', origin, 'link', 'add', 'wan0', 'type', 'veth', 'peer', 'name', 'wan0', 'netns', site])
    } else {
      const program = await must([`${import.meta.dirname}/../../lab/wandelay/build`])
      const ends = [
        { netns: origin, device: 'wan0' },
        { netns: site, device: 'wan0' },
      ] as const
      this.#cable = await Cable.plug(program.trim(), { delayMs: cable.delayMs, rate: cable.rate, ends })
      if (cable.lossPercent !== undefined) await this.#cable.lose(cable.lossPercent)
    }
    await must(['ip', '-n', site, 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan0', 'netns', nodes])
    await addAddress(origin, 'wan0', originAddress)
    // By route: a namespace's own default may only be an algorithm that this machine allows to everybody.
    const towards = ['10.97.9.0/24', 'dev', 'wan0', 'src', originAddress, 'congctl', this.line.congestion]
    await must(['ip', '-n', origin, 'route', 'replace', ...towards])
    await addAddress(site, 'wan0', '10.97.9.1')
    await addAddress(site, 'lan0', siteAddress)
    await addAddress(nodes, 'lan0', '10.97.1.2')
  }

  async #startOrigin(): Promise<void> {
    const argv = [process.execPath, originMain, `${originAddress}:80`, `${this.disk}/origin.sock`]
    await this.start('origin', 'origin', [...argv, String(stock.count), String(stock.bytes)])
    await until('the origin answers', 20_000, async () => {
      try {
        return (await this.origin.requests()).length === 0
      } catch {
        return false
      }
    })
  }
}

function netnsOf(place: Place): string {
  return `cw-${lab}-${place}`
}

async function addAddress(netns: string, device: string, address: string): Promise<void> {
  await must(['ip', '-n', netns, 'addr', 'add', `${address}/24`, 'dev', device])
  await must(['ip', '-n', netns, 'link', 'set', device, 'mtu', '1500', 'up'])
}
