import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Sees which MACs appear in the forwarding entries of some network namespaces, as soon as the kernel says so. */
export class Watch {
  readonly #monitors: ChildProcess[] = []
  readonly #missing = new Map<string, Set<string>>()
  #complete: (atMs: number) => void = () => {}
  #fail: (error: Error) => void = () => {}

  /** Starts watching; returns when all monitors listen. */
  static async start(namespaces: readonly string[], device: string): Promise<Watch> {
    const watch = new Watch()
    for (const netns of namespaces) await watch.#listen(netns, device)
    return watch
  }

  /**
   * The moment at which each namespace has got all the MACs that it is to get.
   * @param wanted by namespace
   */
  all(wanted: ReadonlyMap<string, readonly string[]>, deadlineMs: number): Promise<number> {
    this.#missing.clear()
    for (const [netns, macs] of wanted) if (macs.length > 0) this.#missing.set(netns, new Set(macs))
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#fail(new Error(this.#whatIsMissing())), deadlineMs)
      this.#complete = (atMs) => {
        clearTimeout(late)
        resolve(atMs)
      }
      this.#fail = reject
    })
  }

  async stop(): Promise<void> {
    for (const monitor of this.#monitors) {
      if (monitor.exitCode !== null || monitor.signalCode !== null) continue
      monitor.kill('SIGKILL')
      await once(monitor, 'exit')
    }
  }

  async #listen(netns: string, device: string): Promise<void> {
    const monitor = spawn('ip', ['netns', 'exec', netns, 'stdbuf', '-oL', 'bridge', 'monitor', 'fdb'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#monitors.push(monitor)
    await once(monitor, 'spawn')
    createInterface(monitor.stdout).on('line', (line) => {
      const mac = new RegExp(`^([0-9a-f:]{17}) dev ${device} dst `).exec(line)?.[1]
      if (mac !== undefined) this.#seen(netns, mac)
    })
  }

  #seen(netns: string, mac: string): void {
    const missing = this.#missing.get(netns)
    if (missing?.delete(mac) !== true || missing.size > 0) return
    this.#missing.delete(netns)
    if (this.#missing.size === 0) this.#complete(performance.now())
  }

  #whatIsMissing(): string {
    return [...this.#missing].map(([netns, macs]) => `${netns} misses ${macs.size} MACs`).join(', ')
  }
}
