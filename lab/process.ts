import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { CausewayError } from '../src/base/errors.ts'
import { execChecked } from '../src/base/exec.ts'
import type { ExecOptions, ExecResult } from '../src/base/host.ts'
import { exitStatusOf, LocalHost } from '../src/sites/local-host.ts'
import { until } from './until.ts'

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

const machine = new LocalHost('this machine')

/** Runs a command to its end on this machine; as `Host.exec`. */
export async function run(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  return machine.exec(argv, options)
}

/**
 * As `run` for a command that must succeed; resolves to its standard output.
 * @throws CausewayError `CommandFailed` with what it said.
 */
export async function must(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
  return execChecked(machine, argv, options)
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
      ended = code ?? exitStatusOf(signal)
      resolve(ended)
    })
    child.once('error', reject)
  })
  const pid = await until(`${options.name} runs`, 120_000, () => {
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
