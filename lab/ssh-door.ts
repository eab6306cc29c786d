import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type Server, type Socket } from 'node:net'
import type { LabHost } from './host.ts'
import { sshdConfigPath } from './ssh.ts'

/**
 * A port on 127.0.0.1 of this machine that leads to a lab host's sshd, for a host that no network leads to. Each
 * connection has an sshd of its own in the host, as inetd would start it. While the host is off, connections are closed
 * at once.
 */
export class SshDoor {
  readonly port: number
  readonly #server: Server
  readonly #open: ReadonlyMap<Socket, ChildProcess>
  readonly #lock: { shut: boolean }

  /** `configureSshd` must have been called for the host. */
  static async open(host: LabHost): Promise<SshDoor> {
    const open = new Map<Socket, ChildProcess>()
    const lock = { shut: false }
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy()) // the other end went away: that is all it means
      if (host.pid === 0 || lock.shut) {
        socket.destroy()
        return
      }
      const { argv, env } = host.interactive(['/usr/sbin/sshd', '-i', '-f', sshdConfigPath])
      const [file = '', ...rest] = argv
      const sshd = spawn(file, rest, { env, cwd: '/', stdio: ['pipe', 'pipe', 'ignore'] })
      open.set(socket, sshd)
      sshd.stdin.on('error', () => socket.destroy())
      sshd.stdout.pipe(socket)
      socket.pipe(sshd.stdin)
      sshd.once('close', () => {
        open.delete(socket)
        socket.destroy()
      })
      socket.once('close', () => sshd.stdin.destroy())
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    server.unref()
    return new SshDoor(server, open, lock)
  }

  private constructor(server: Server, open: ReadonlyMap<Socket, ChildProcess>, lock: { shut: boolean }) {
    this.#server = server
    this.#open = open
    this.#lock = lock
    this.port = (server.address() as { port: number }).port
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#open.size
  }

  /** Breaks every connection that is open; new ones are taken. What runs at the host may go on. */
  cut(): void {
    for (const socket of this.#open.keys()) socket.resetAndDestroy()
  }

  /** Shuts it, so that the host cannot be reached, or opens it again. */
  shut(yes: boolean): void {
    this.#lock.shut = yes
    if (yes) this.cut()
  }

  /** Takes no more connections and breaks those that are open. */
  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
