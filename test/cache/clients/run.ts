import { spawn } from 'node:child_process'

export interface Ran {
  readonly code: number | null
  /** Standard output and errors together, in the order in which they came. */
  readonly said: string
}

/** Runs a program to its end; it is ended after ten minutes. */
export function run(argv: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const [program = '', ...args] = argv
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 600_000,
      killSignal: 'SIGKILL',
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
    }
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, said }))
  })
}

/** Runs a program that has to succeed; resolves to what it said. */
export async function runChecked(argv: readonly string[], env?: Record<string, string>): Promise<string> {
  const { code, said } = await run(argv, env)
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${said}`)
  return said
}
