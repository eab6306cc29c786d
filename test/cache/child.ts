import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { atEnd } from './cleanup.ts'

const main = fileURLToPath(new URL('child-main.ts', import.meta.url))

export interface CacheChild {
  readonly port: number
  readonly pid: number
  /** Sends a signal; resolves once the process has ended (not for SIGSTOP and SIGCONT). */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>
  send(signal: 'SIGSTOP' | 'SIGCONT'): void
}

/**
 * Runs `causeway cache --config FILE` as a process of its own, and resolves when it serves. It is killed when the test ends.
 * @param prefix What to put in front of the command, such as `ip netns exec NAME`.
 * @param command What takes `--config`; for the cache of another installation.
 */
export async function startChild(
  t: TestContext,
  config: string,
  prefix: readonly string[] = [],
  command: readonly string[] = [process.execPath, main],
): Promise<CacheChild> {
  const [program, ...args] = [...prefix, ...command, '--config', config]
  const child = spawn(program ?? process.execPath, args, { stdio: ['ignore', 'inherit', 'pipe'] })
  atEnd(t, () => end(child, 'SIGKILL'))
  const port = await portOf(child)
  return {
    port,
    pid: child.pid ?? 0,
    end: (signal) => end(child, signal),
    send: (signal) => void child.kill(signal),
  }
}

async function portOf(child: ChildProcess): Promise<number> {
  const said: string[] = []
  for await (const line of createInterface({ input: child.stderr as NodeJS.ReadableStream })) {
    said.push(line)
    const { msg, port } = JSON.parse(line.startsWith('{') ? line : '{}') as { msg?: string; port?: number }
    if (msg !== 'cache serves' || port === undefined) continue
    child.stderr?.resume()
    return port
  }
  throw new Error(`the cache did not start: ${said.join('\n')}`)
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  return child.exitCode
}
