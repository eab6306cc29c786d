import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { labFolder } from '../../lab/clean-up.ts'
import type { Lab } from '../../lab/lab.ts'
import { type Daemon, must, startDaemon } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'

/** What crossed the WAN: every packet at the router between the sites, as tcpdump wrote it down. */
export class WanCapture {
  readonly #file: string
  readonly #tcpdump: Daemon

  /** Resolves when it writes down what comes. */
  static async start(lab: Lab, name = 'wan'): Promise<WanCapture> {
    const file = join(labFolder(lab.name), `${name}.pcap`)
    const log = `${file}.log`
    const wan = `--net=/run/netns/cw-${lab.name}-wan`
    const tcpdump = ['tcpdump', '-i', 'any', '-n', '-U', '-s', '0', '-B', '16384', '-Z', 'root', '-w', file]
    const daemon = await startDaemon(['nsenter', wan, ...tcpdump], {
      log,
      name: 'tcpdump',
      env: { PATH: process.env['PATH'] ?? '' },
    })
    await until('tcpdump listens', 120_000, () => readFileSync(log, 'utf8').includes('listening on'))
    return new WanCapture(file, daemon)
  }

  private constructor(file: string, tcpdump: Daemon) {
    this.#file = file
    this.#tcpdump = tcpdump
  }

  /** Ends it. All that came before is in the file then. */
  async stop(): Promise<void> {
    await this.#tcpdump.kill('SIGINT')
  }

  /** The packets that a pcap-filter(7) lets through, a line each; one that crosses the router is seen coming and going. */
  async packets(filter: string): Promise<string[]> {
    const said = await must(['tcpdump', '-n', '-q', '-r', this.#file, filter])
    return said.split('\n').filter(Boolean)
  }

  /** Whether these bytes were in any packet, in clear. */
  shows(text: string): boolean {
    return readFileSync(this.#file).includes(text)
  }
}
