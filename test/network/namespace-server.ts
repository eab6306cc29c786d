import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { NetnsHost } from './netns-host.ts'

/** A program that runs in a namespace until it is stopped. */
export interface NamespaceServer {
  stop(): Promise<void>
}

/** Starts a program and waits until it prints, to either output, that it is ready. @throws Error when it ends before. */
export async function startServer(host: NetnsHost, ready: RegExp, argv: readonly string[]): Promise<NamespaceServer> {
  const [program = '', ...args] = host.argv(...argv)
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    const hear = (text: string) => {
      said += text
      if (ready.test(said)) resolve()
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    child.stderr.setEncoding('utf8').on('data', hear)
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`${argv[0]} ended with ${code}: ${said}`)))
  })
  return {
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
