import type { Client, ClientChannel } from 'ssh2'
import { CausewayError } from '../base/errors.ts'
import type { ExecOptions, ExecResult, Host } from '../base/host.ts'
import { checkArgv, quoteArgv } from './argv.ts'
import { CapturedOutput, outputLimitBytes } from './captured-output.ts'
import { exitStatusOf } from './local-host.ts'
import { Slots } from './slots.ts'
import { connect, type SshTarget } from './ssh-connection.ts'

/** sshd allows ten sessions on a connection by default (MaxSessions); two are left for its own delays in closing. */
const channelsAtOnce = 8

interface Connection {
  readonly client: Client
  /** Rejects the commands under way when the connection breaks. */
  readonly onBreak: Set<(error: CausewayError) => void>
}

/** How long a session that the server refused to open waits before it is asked for again, ms. */
const refusedPauseMs = 50

/**
 * A host reached over SSH. One connection is made at the first use, kept open, shared by all calls, and made anew by
 * the next call after it broke. At most eight commands run at once; further ones wait for their turn, and their
 * timeouts count from when they start. A session that the server refuses is asked for again until the timeout.
 */
export class SshHost implements Host {
  readonly name: string
  readonly #target: SshTarget
  readonly #slots = new Slots(channelsAtOnce)
  #connection: Promise<Connection> | null = null
  #closed = false

  constructor(target: SshTarget) {
    this.name = target.name
    this.#target = target
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const [program] = checkArgv(argv)
    // `exec` spares a shell, and `env` keeps any builtin of that shell out of the way.
    const line = `exec env LC_ALL=C ${quoteArgv(argv)}`
    return await this.#slots.run(async () => {
      const connection = await this.#connected()
      return await this.#run(connection, program, line, options)
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    const connection = await this.#connection?.catch(() => null) // a failed attempt has been told to its caller
    if (connection) await disconnect(connection.client)
  }

  #connected(): Promise<Connection> {
    if (this.#closed) return Promise.reject(this.#unreachable('closed'))
    this.#connection ??= this.#open()
    return this.#connection
  }

  #open(): Promise<Connection> {
    const opening = this.#openNow().catch((error: unknown) => {
      if (this.#connection === opening) this.#connection = null
      throw error
    })
    return opening
  }

  async #openNow(): Promise<Connection> {
    const connection: Connection = { client: await connect(this.#target), onBreak: new Set() }
    let reason = 'the connection was closed'
    connection.client.removeAllListeners('error').removeAllListeners('close')
    connection.client.on('error', (error) => {
      reason = error.message
    })
    connection.client.on('close', () => {
      this.#connection = null
      const error = this.#unreachable(`the connection broke: ${reason}`)
      for (const reject of connection.onBreak) reject(error)
    })
    return connection
  }

  #run(connection: Connection, program: string, line: string, options: ExecOptions): Promise<ExecResult> {
    const { timeoutMs = 30_000, stdin = '' } = options
    const output = new CapturedOutput()
    const failure = (code: 'CommandTimeout' | 'MalformedOutput', what: string) =>
      new CausewayError(code, `${this.name}: ${program} ${what}`, { facts: { host: this.name, program } })

    return new Promise<ExecResult>((resolve, reject) => {
      let channel: ClientChannel | null = null
      let over = false
      let status: number | null = null
      let refusal: Error | null = null
      let again: NodeJS.Timeout | undefined
      const settle = () => {
        over = true
        clearTimeout(timer)
        clearTimeout(again)
        connection.onBreak.delete(giveUp)
      }
      const giveUp = (error: CausewayError) => {
        settle()
        abandon(channel)
        reject(error)
      }
      const timer = setTimeout(() => {
        if (refusal) giveUp(this.#unreachable(`no session for ${program}: ${refusal.message}`, refusal))
        else giveUp(failure('CommandTimeout', `did not end within ${timeoutMs} ms`))
      }, timeoutMs)
      connection.onBreak.add(giveUp)

      const opened = (error: Error | undefined, stream: ClientChannel) => {
        if (error && isRefusal(error)) {
          refusal = error
          if (!over) again = setTimeout(begin, refusedPauseMs)
          return
        }
        if (error) return giveUp(this.#unreachable(`no session for ${program}: ${error.message}`, error))
        refusal = null
        if (over) return abandon(stream)
        channel = stream
        const keep = (name: 'stdout' | 'stderr') => (chunk: Buffer) => {
          if (over || output.add(name, chunk)) return
          giveUp(failure('MalformedOutput', `printed more than ${outputLimitBytes} bytes`))
        }
        stream.on('data', keep('stdout'))
        stream.stderr.on('data', keep('stderr'))
        stream.on('exit', (code: number | null, signal?: string) => {
          status = code ?? exitStatusOf(signal ?? null)
        })
        stream.on('close', () => {
          if (over) return
          if (status === null) return giveUp(this.#unreachable(`the session of ${program} broke`))
          settle()
          resolve({ code: status, stdout: output.text('stdout'), stderr: output.text('stderr') })
        })
        // A command may end without reading its input; how it went is in its exit status.
        stream.on('error', () => undefined)
        stream.end(stdin)
      }
      const begin = () => {
        try {
          connection.client.exec(line, opened)
        } catch (cause) {
          // ssh2 throws when the connection broke a moment ago.
          giveUp(this.#unreachable(`the connection broke: ${String(cause)}`, cause))
        }
      }
      begin()
    })
  }

  #unreachable(what: string, cause?: unknown): CausewayError {
    const facts = { host: this.name, address: this.#target.address, port: this.#target.port }
    return new CausewayError('HostUnreachable', `${this.name}: ${what}`, { cause, facts })
  }
}

/** Says goodbye, and hangs up when the other side does not answer that within a second. */
async function disconnect(client: Client): Promise<void> {
  const closed = new Promise<void>((resolve) => client.once('close', resolve))
  client.end()
  const timer = setTimeout(() => client.destroy(), 1_000)
  await closed
  clearTimeout(timer)
}

/**
 * Whether the server has refused to open a session (RFC 4254 section 5.1): nothing has run. sshd does so while sessions that
 * have ended here are not all cleared away there, so it is worth another try.
 */
function isRefusal(error: Error): boolean {
  return 'reason' in error && typeof error.reason === 'number'
}

/** Ends a session whose outcome nobody waits for; the command is killed where the SSH server lets us. */
function abandon(channel: ClientChannel | null): void {
  if (channel === null) return
  channel.signal('KILL')
  channel.close()
}
