import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { must, run } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'
import { memberMac, portName } from '../../src/network/addressing.ts'
import { type Contender, nodeAddress, type Port } from './contender.ts'
import { parsePing, type Reply } from './ping.ts'
import { batch, type Line, netnsOf, type Side, underlayOf, Wan } from './wan.ts'

/** Two network namespaces between which something is measured: the gateways themselves, or a contender's nodes. */
export interface Path {
  readonly name: string
  readonly netns: Readonly<Record<Side, string>>
  /** The second one's address. */
  readonly address: string
  readonly contender: Contender | null
}

/** Two sites that several contenders join at the same time, each for a node of its own at either site. */
export class Sites {
  readonly wan: Wan
  /** Between the gateways, beside all contenders. */
  readonly raw: Path
  readonly paths: readonly Path[]

  /** Resolves when each contender's nodes reach each other; a peer whose nodes do not is left out, and stderr says so. */
  static async up(line: Line, contenders: readonly Contender[]): Promise<Sites> {
    const wan = await Wan.up(line)
    const paths: Path[] = []
    for (const [index, contender] of contenders.entries()) {
      try {
        const path = await connect(wan, contender, index)
        await until(`${path.name} carries packets`, 30_000, () => reaches(path))
        paths.push(path)
      } catch (error) {
        if (contender.kind === 'ours') throw error
        process.stderr.write(`${contender.name} is left out (${line.name}): ${String(error)}\n`)
      }
    }
    const sites = new Sites(wan, paths)
    await Promise.all([sites.raw, ...paths].map((path) => sites.#serve(path)))
    return sites
  }

  private constructor(wan: Wan, paths: readonly Path[]) {
    this.wan = wan
    this.paths = paths
    this.raw = {
      name: 'raw',
      netns: { 1: netnsOf('gw1'), 2: netnsOf('gw2') },
      address: underlayOf(2),
      contender: null,
    }
  }

  /** Has a receiver of iperf3 wait at the second end. */
  async #serve(path: Path): Promise<void> {
    spawn('ip', ['netns', 'exec', path.netns[2], 'iperf3', '--server'], { stdio: 'ignore', cwd: '/' }).unref()
    const listening = async () =>
      (await run(['ip', 'netns', 'exec', path.netns[2], 'ss', '-Hltn', 'sport = :5201'])).stdout !== ''
    await until('iperf3 listens', 10_000, listening)
  }
}

async function connect(wan: Wan, contender: Contender, index: number): Promise<Path> {
  const plug = async (side: Side): Promise<Port> => {
    const address = nodeAddress(contender, side)
    // The overlay lets nothing in from ports that are named like its own and that it does not know.
    const device = contender.kind === 'ours' ? portName(`0000000${index}`) : `p-${contender.name}`
    const port = { device, address, mac: memberMac(address) }
    const netns = await wan.addNamespace(`n${side}-${contender.name}`)
    const inner = `eth0 mtu ${contender.mtu} address ${port.mac} netns ${netns}`
    await batch(wan.gateways[side].netns, [
      `link add name ${port.device} mtu ${contender.mtu} type veth peer name ${inner}`,
    ])
    await batch(netns, [`address add ${address}/16 broadcast + dev eth0`, 'link set eth0 up'])
    return port
  }
  const ports = { 1: await plug(1), 2: await plug(2) }
  await contender.up(wan, ports)
  const netns = { 1: netnsOf(`n1-${contender.name}`), 2: netnsOf(`n2-${contender.name}`) }
  return { name: contender.name, netns, address: nodeAddress(contender, 2), contender }
}

async function reaches(path: Path): Promise<boolean> {
  return (await run(inside(path, ['ping', '-q', '-n', '-c', '1', '-W', '1', path.address]))).code === 0
}

/** The command line that runs a program at a path's first end. */
export function inside(path: Path, argv: readonly string[]): string[] {
  return ['ip', 'netns', 'exec', path.netns[1], ...argv]
}

/** The answers to so many pings, so many ms apart. */
export async function ping(path: Path, count: number, intervalMs: number): Promise<Reply[]> {
  const how = ['-D', '-n', '-c', String(count), '-i', String(intervalMs / 1000), path.address]
  return parsePing(await must(inside(path, ['ping', ...how])))
}

/** Pings that go on until they are ended. */
export class Pinging {
  readonly #child: ChildProcess
  #said = ''

  constructor(path: Path, intervalMs: number) {
    const [program = '', ...rest] = inside(path, ['ping', '-D', '-n', '-i', String(intervalMs / 1000), path.address])
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'ignore'] })
    child.stdout.on('data', (bytes: Buffer) => {
      this.#said += bytes.toString()
    })
    this.#child = child
  }

  /** The answers so far. */
  get replies(): Reply[] {
    return parsePing(this.#said)
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
  }
}
