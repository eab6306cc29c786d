import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A request that a hook script made; `id` and `at` of its body are beside it. */
export interface HookRequest {
  readonly url: string
  readonly type: string
  readonly id: string
  readonly at: number
  readonly body: Readonly<Record<string, unknown>>
}

/** A controller's socket and a spool folder of their own, and a way to run hook scripts against them. */
export class HookScriptRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'causeway-scripts-'))
  readonly socket = join(this.folder, 'causeway.sock')
  readonly spool = join(this.folder, 'spool')
  readonly requests: HookRequest[] = []
  #server: Server | undefined
  /** What is answered; null: nothing ever. */
  status: number | null = 202

  /** Serves on the socket. */
  async serve(status: number | null = 202): Promise<void> {
    this.status = status
    const made = createServer((request, response) => {
      let text = ''
      request.on('data', (part: Buffer) => {
        text += part.toString()
      })
      request.on('end', () => {
        const { id, at, ...body } = JSON.parse(text) as { id: string; at: number }
        this.requests.push({ url: request.url ?? '', type: request.headers['content-type'] ?? '', id, at, body })
        if (this.status !== null) response.writeHead(this.status).end()
      })
    })
    this.#server = made
    await new Promise<void>((resolve) => made.listen(this.socket, resolve))
  }

  /** URLs and bodies of the requests so far. */
  get posted(): { url: string; body: unknown }[] {
    return this.requests.map(({ url, body }) => ({ url, body }))
  }

  /** The kept events in the order of their names: where each goes, and its body. */
  get kept(): { name: string; where: string; body: Record<string, unknown> }[] {
    return readdirSync(this.spool)
      .filter((name) => name.endsWith('.event'))
      .sort()
      .flatMap((name) => {
        const text = readUnlessGone(join(this.spool, name))
        if (text === null) return []
        const [where = '', ...rest] = text.split('\n')
        return { name, where, body: JSON.parse(rest.join('\n')) as Record<string, unknown> }
      })
  }

  /** Keeps an event as the scripts do, the `nth` in order. */
  put(nth: number, where: string, body: object): void {
    mkdirSync(this.spool, { recursive: true, mode: 0o700 })
    const id = `00000000-0000-4000-8000-${String(nth).padStart(12, '0')}`
    writeFileSync(
      join(this.spool, `${1_700_000_000 + nth}000000000-${id}.event`),
      `${where}\n${JSON.stringify({ id, at: (1_700_000_000 + nth) * 1000, ...body })}\n`,
    )
  }

  /** Runs a script (its path from scripts/, or an absolute one) with the bare environment that a scheduler gives. */
  run(script: string, args: readonly string[] = [], env: Record<string, string> = {}, uid?: number) {
    const path = script.startsWith('/') ? script : hookScript(script)
    return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
      const child = spawn(path, args, {
        env: { CAUSEWAY_SOCKET: this.socket, CAUSEWAY_SPOOL: this.spool, ...env },
        cwd: '/',
        ...(uid === undefined ? {} : { uid, gid: uid }),
      })
      let stdout = ''
      let stderr = ''
      child.stdout.on('data', (part: Buffer) => {
        stdout += part.toString()
      })
      child.stderr.on('data', (part: Buffer) => {
        stderr += part.toString()
      })
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, stdout, stderr }))
    })
  }

  /** A copy of a script with some of its text replaced, as an executable file of this rig. */
  copy(script: string, change: (text: string) => string): string {
    const path = join(this.folder, script.split('/').at(-1) ?? '')
    writeFileSync(path, change(readFileSync(hookScript(script), 'utf8')), { mode: 0o755 })
    return path
  }

  /** Nobody answers at the socket any more. */
  async goAway(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    server?.closeAllConnections()
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(null)))
  }

  async cleanUp(): Promise<void> {
    await this.goAway()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Where a script of this package is, by its path from scripts/. */
export function hookScript(script: string): string {
  return fileURLToPath(new URL(`../../scripts/${script}`, import.meta.url))
}

/** An event may be delivered between the look at the folder and the look at the file. */
function readUnlessGone(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
