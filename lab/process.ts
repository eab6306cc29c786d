import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { CausewayError } from '../src/base/errors.ts'
import type { ExecOptions, ExecResult } from '../src/base/host.ts'
import { until } from './until.ts'

/** Most output that a command may print, bytes. */
const outputLimit = 64 * 1024 * 1024

/** A program that keeps running. */
export interface Daemon {
  /** Its PID on this machine. */
  readonly pid: number
  /** How it ended: its exit status, 128 + the signal's number when a signal ended it. It does not keep this process alive. */
  readonly exited: Promise<number>
  /** How it ended, undefined while it runs. */
  readonly status: number | undefined
  /** Sends a signal (SIGTERM if absent) and resolves when the program is gone, to how it ended. */
  kill(signal?: NodeJS.Signals): Promise<number>
}

/**
 * Runs a command to its end on this machine, in a process group of its own that dies with the time limit.
 * @param label how messages call it; its program if absent.
 * @throws CausewayError `CommandTimeout`, `MalformedOutput` (too much output).
 */
export function run(
  argv: readonly string[],
  options: ExecOptions & { readonly env?: Readonly<Record<string, string>> } = {},
  label = argv[0] ?? '',
): Promise<ExecResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ExecResult>()
  const [program = '', ...rest] = argv
  const child = spawn(program, rest, { detached: true, cwd: '/', env: options.env ?? { ...process.env, LC_ALL: 'C' } })
  const out: Buffer[] = []
  const err: Buffer[] = []
  let size = 0
  let failure: CausewayError | undefined
  const giveUp = (error: CausewayError) => {
    failure ??= error
    if (child.pid !== undefined) killGroup(child.pid)
  }
  const timeoutMs = options.timeoutMs ?? 30_000
  const timer = setTimeout(
    () => giveUp(new CausewayError('CommandTimeout', `${label} did not end within ${timeoutMs} ms`)),
    timeoutMs,
  )
  const collect = (into: Buffer[]) => (bytes: Buffer) => {
    into.push(bytes)
    size += bytes.length
    if (size > outputLimit) giveUp(new CausewayError('MalformedOutput', `${label} prints without end`))
  }
  child.stdout.on('data', collect(out))
  child.stderr.on('data', collect(err))
  child.stdin.on('error', () => undefined) // it ended without reading its input: its status tells
  child.stdin.end(options.stdin ?? '')
  child.once('error', (cause) => {
    clearTimeout(timer)
    reject(new CausewayError('CommandFailed', `${label}: ${cause.message}`, { cause }))
  })
  child.once('close', (code, signal) => {
    clearTimeout(timer)
    if (failure) return reject(failure)
    resolve({
      code: status(code, signal),
      stdout: Buffer.concat(out).toString(),
      stderr: Buffer.concat(err).toString(),
    })
  })
  return promise
}

/**
 * As `run` for a command that must succeed; resolves to its standard output.
 * @throws CausewayError `CommandFailed` with what it said.
 */
export async function must(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
  const result = await run(argv, options)
  if (result.code === 0) return result.stdout
  const said = (result.stderr.trim() || result.stdout.trim()).slice(-2000)
  throw new CausewayError('CommandFailed', `${argv.slice(0, 6).join(' ')} ended with status ${result.code}: ${said}`)
}

/** How `startDaemon` starts a program. */
export interface DaemonOptions {
  /** A file that takes stdout and stderr, appended. */
  readonly log: string
  readonly name: string
  readonly env?: Readonly<Record<string, string>>
  /** The command line is a wrapper that forks once (nsenter into a PID namespace): the daemon is its child. */
  readonly wrapped?: boolean
}

/**
 * Starts a program that outlives this process unless it is killed.
 * @throws CausewayError `CommandFailed` with the end of its log when it ended at once.
 */
export async function startDaemon(argv: readonly string[], options: DaemonOptions): Promise<Daemon> {
  const log = openSync(options.log, 'a')
  const [program = '', ...rest] = argv
  const child = spawn(program, rest, {
    detached: true,
    cwd: '/',
    stdio: ['ignore', log, log],
    env: { ...options.env },
  })
  closeSync(log)
  let ended: number | undefined
  const exited = new Promise<number>((resolve, reject) => {
    child.once('exit', (code, signal) => {
      ended = status(code, signal)
      resolve(ended)
    })
    child.once('error', reject)
  })
  const pid = await until(`${options.name} runs`, 5000, () => {
    if (ended !== undefined) {
      const said = readFileSync(options.log, 'utf8').trim().slice(-2000)
      throw new CausewayError('CommandFailed', `${options.name} ended at once with status ${ended}: ${said}`)
    }
    return options.wrapped === true ? onlyChild(child.pid ?? 0) : child.pid
  })
  child.unref()
  return {
    pid,
    exited,
    get status() {
      return ended
    },
    async kill(signal = 'SIGTERM') {
      if (ended === undefined) {
        child.ref()
        process.kill(pid, signal)
      }
      return exited
    },
  }
}

/** The PID of a process's first child, undefined while it has none. */
function onlyChild(pid: number): number | undefined {
  try {
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]
    return first ? Number(first) : undefined
  } catch {
    return undefined // it has just ended: its exit event is on the way
  }
}

function status(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal]
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
