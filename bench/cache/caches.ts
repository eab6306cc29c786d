import { mkdirSync, rmSync } from 'node:fs'
import type { Daemon } from '../../lab/process.ts'
import { run } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'
import { treeOf } from './processes.ts'
import { type Rig, siteAddress } from './rig.ts'

/** A package cache that is measured, ours or a peer. */
export interface Contender {
  readonly name: string
  readonly port: number
  /** What stands before the path in a request, for one that works as an explicit proxy only; else empty. */
  readonly prefix: string
  /** The Host header. */
  readonly host: string
  /** Whether what it keeps is in files, and there after a restart. */
  readonly keepsFiles: boolean
  /** Writes its configuration into its folder; the command line that runs it in the foreground. */
  configure(folder: string): Promise<readonly string[]>
}

/** A contender that runs, with a store of its own. */
export class Cache {
  readonly name: string
  readonly port: number
  readonly prefix: string
  readonly host: string
  readonly keepsFiles: boolean
  readonly folder: string
  readonly #rig: Rig
  readonly #argv: readonly string[]
  #daemon: Daemon | undefined

  /** Starts it with an empty store. @throws Error when it ends, CausewayError `CommandTimeout` when it does not serve within 30 s. */
  static async start(rig: Rig, contender: Contender): Promise<Cache> {
    const folder = `${rig.disk}/${contender.name}`
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const cache = new Cache(rig, contender, folder, await contender.configure(folder))
    await cache.restart()
    return cache
  }

  private constructor(rig: Rig, contender: Contender, folder: string, argv: readonly string[]) {
    const { name, port, prefix, host, keepsFiles } = contender
    this.name = name
    this.port = port
    this.prefix = prefix
    this.host = host
    this.keepsFiles = keepsFiles
    this.folder = folder
    this.#rig = rig
    this.#argv = argv
  }

  get pid(): number {
    if (this.#daemon === undefined) throw new Error(`${this.name} does not run`)
    return this.#daemon.pid
  }

  /** Starts it with what its store has. */
  async restart(): Promise<void> {
    this.#daemon = await this.#rig.start('site', this.name, this.#argv)
    const probe = [
      'curl',
      '--silent',
      '--max-time',
      '2',
      '--output',
      '/dev/null',
      `http://${siteAddress}:${this.port}/`,
    ]
    await until(`${this.name} serves`, 30_000, async () => {
      if (this.#daemon?.status === undefined) return (await run(this.#rig.at('nodes', probe))).code === 0
      throw new Error(`${this.name} has ended: ${this.#rig.read(`${this.name}.log`).trim().slice(-1000)}`)
    })
  }

  /** Ends it with all that it started, at once. */
  async kill(): Promise<void> {
    const tree = treeOf(this.pid)
    await this.#daemon?.kill('SIGKILL')
    for (const pid of tree) if (runs(pid)) process.kill(pid, 'SIGKILL')
    this.#daemon = undefined
    await until(`${this.name} is gone`, 10_000, () => tree.every((pid) => treeOf(pid).length === 1 && !runs(pid)))
  }

  /** Ends it and removes its store. */
  async remove(): Promise<void> {
    if (this.#daemon !== undefined) await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
