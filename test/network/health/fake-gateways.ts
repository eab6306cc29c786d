import { CausewayError } from '../../../src/base/errors.ts'
import type { ExecOptions, Host } from '../../../src/base/host.ts'
import type { Overlay } from '../../../src/network/overlay.ts'

/** One packet on its way from a gateway to an address of another. */
interface Packet {
  readonly from: string
  readonly to: string
  /** Whether it goes over the segment, or between the underlay addresses. */
  readonly inSegment: boolean
  /** Length, bytes. */
  readonly bytes: number
}

/** Gateways that answer our script as if these paths were between them. */
export class FakeGateways {
  readonly hosts: ReadonlyMap<string, Host>
  /** Pairs `FROM TO` that lose everything, in either direction. */
  readonly cut = new Set<string>()
  /** Gateways that nobody can log in to, and those that never answer. */
  readonly unreachable = new Set<string>()
  readonly hanging = new Set<string>()
  /** Calls of the script so far, by gateway. */
  readonly calls = new Map<string, number>()
  readonly #overlay: Overlay
  passes: (packet: Packet) => boolean = () => true
  #release: (() => void)[] = []

  constructor(overlay: Overlay) {
    this.#overlay = overlay
    this.hosts = new Map(
      overlay.gateways.map(({ name }): [string, Host] => [
        name,
        { name, exec: (argv, options) => this.#exec(name, argv, options), close: async () => undefined },
      ]),
    )
  }

  /** Those that hang answer after all. */
  release(): void {
    this.hanging.clear()
    for (const go of this.#release.splice(0)) go()
  }

  async #exec(name: string, argv: readonly string[], options: ExecOptions = {}) {
    if (this.unreachable.has(name)) throw new CausewayError('HostUnreachable', `${name}: no route to host`)
    if (argv.at(-1) !== 'probe') return { code: 0, stdout: '', stderr: '' }
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1)
    if (this.hanging.has(name)) await new Promise<void>((resolve) => this.#release.push(resolve))
    const lines = String(options.stdin).trim().split('\n')
    return { code: 0, stdout: lines.map((line) => `${line} ${this.#answer(name, line)}\n`).join(''), stderr: '' }
  }

  #answer(from: string, line: string): string {
    const [device, size, count, address = ''] = line.split(' ')
    const inSegment = device !== '-'
    const peer = this.#overlay.gateways.find((one) => address === (inSegment ? one.address : one.underlay))
    const to = peer?.name ?? ''
    const bytes = Number(size) + (address.includes(':') ? 48 : 28)
    const isCut = this.cut.has(`${from} ${to}`) || this.cut.has(`${to} ${from}`)
    const passes = !isCut && this.passes({ from, to, inSegment, bytes })
    return Array<string>(Number(count))
      .fill(passes ? '20.5' : '-')
      .join(' ')
  }
}
