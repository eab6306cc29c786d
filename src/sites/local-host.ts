import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { CausewayError } from '../base/errors.ts'
import type { ExecOptions, ExecResult, Host } from '../base/host.ts'
import { checkArgv } from './argv.ts'
import { CapturedOutput, outputLimitBytes } from './captured-output.ts'

/** This machine as a host: commands are its own child processes, each in a process group of its own. */
export class LocalHost implements Host {
  readonly name: string
  readonly #running = new Set<(error: CausewayError) => void>()
  #closed = false

  constructor(name = 'local') {
    this.name = name
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const [program, ...args] = checkArgv(argv)
    if (this.#closed) throw new CausewayError('HostUnreachable', `${this.name}: closed`)
    const child = spawn(program, args, { env: { ...process.env, LC_ALL: 'C' }, detached: true })
    return await this.#result(child, program, options)
  }

  close(): Promise<void> {
    this.#closed = true
    const error = new CausewayError('HostUnreachable', `${this.name}: closed while a command ran`)
    for (const giveUp of this.#running) giveUp(error)
    return Promise.resolve()
  }

  #result(child: ChildProcessWithoutNullStreams, program: string, options: ExecOptions): Promise<ExecResult> {
    const { timeoutMs = 30_000, stdin = '' } = options
    const output = new CapturedOutput()
    const failure = (code: 'CommandTimeout' | 'MalformedOutput', what: string) =>
      new CausewayError(code, `${this.name}: ${program} ${what}`, { facts: { host: this.name, program } })

    return new Promise<ExecResult>((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        this.#running.delete(giveUp)
      }
      const giveUp = (error: CausewayError) => {
        settle()
        killGroup(child)
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
        reject(error)
      }
      const timer = setTimeout(() => giveUp(failure('CommandTimeout', `did not end within ${timeoutMs} ms`)), timeoutMs)
      this.#running.add(giveUp)

      for (const stream of ['stdout', 'stderr'] as const) {
        child[stream].on('data', (chunk: Buffer) => {
          if (!output.add(stream, chunk))
            giveUp(failure('MalformedOutput', `printed more than ${outputLimitBytes} bytes`))
        })
      }
      child.on('error', (cause: NodeJS.ErrnoException) => {
        settle()
        // As a shell says it: 127 for a program that is not there, 126 for one that is but cannot be run.
        if (cause.code === 'ENOENT') return resolve({ code: 127, stdout: '', stderr: `${program}: not found\n` })
        if (cause.code === 'EACCES') return resolve({ code: 126, stdout: '', stderr: `${program}: not executable\n` })
        reject(new CausewayError('CommandFailed', `${this.name}: cannot start ${program}: ${cause.message}`, { cause }))
      })
      child.on('close', (code, signal) => {
        settle()
        resolve({ code: code ?? exitStatusOf(signal), stdout: output.text('stdout'), stderr: output.text('stderr') })
      })
      // A command that ends without reading its input breaks the pipe; its exit status tells how it went.
      child.stdin.on('error', () => undefined)
      child.stdin.end(stdin)
    })
  }
}

/** What a POSIX shell reports for a program ended by a signal: 128 and the signal's number. */
export function exitStatusOf(signal: string | null): number {
  const number = Object.entries(constants.signals).find(([name]) => name === signal)?.[1]
  return 128 + (number ?? 0)
}

function killGroup(child: ChildProcessWithoutNullStreams): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
