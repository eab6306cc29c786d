import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, stat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'

/** How often an address that is not there yet is tried again, ms. */
const retryMs = 500

/**
 * Listens on a unix socket with mode 0660, so that its owner and its group may use it and nobody else. A socket that a
 * crash left behind is replaced.
 * @throws CausewayError `Conflict` when another controller answers there; `InvalidConfig` for an unknown group
 */
export async function listenOnSocket(app: FastifyInstance, path: string, group: string | undefined): Promise<void> {
  if (await isAnswered(path)) throw new CausewayError('Conflict', `another controller already answers at ${path}`)
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  const before = process.umask(0o117)
  try {
    await app.listen({ path })
  } finally {
    process.umask(before)
  }
  if (group !== undefined) await chown(path, (await stat(path)).uid, await groupId(group))
  await chmod(path, 0o660)
}

/**
 * Listens on `ADDRESS:PORT`; an address that the host does not have yet is waited for in the background.
 * @returns stops the waiting
 */
export function listenOnTcp(app: FastifyInstance, endpoint: string, clock: Clock, log: Logger): () => void {
  const stopped = new AbortController()
  const [host = '', port = ''] = endpoint.split(':')
  let said = 'EADDRNOTAVAIL' // expected at first: not worth a word
  const listen = async () => {
    while (!stopped.signal.aborted) {
      try {
        await app.listen({ host, port: Number(port) })
        log.info({ endpoint }, 'listens')
        return
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException
        if (code !== said) log.error({ endpoint, err: error }, 'cannot listen; trying on')
        said = code
        await clock.sleep(retryMs, stopped.signal)
      }
    }
  }
  void listen()
  return () => stopped.abort()
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const finish = (answered: boolean) => {
      socket.destroy()
      resolve(answered)
    }
    socket.once('connect', () => finish(true)).once('error', () => finish(false))
  })
}

async function groupId(name: string): Promise<number> {
  const { stdout } = await promisify(execFile)('getent', ['group', name]).catch(() => ({ stdout: '' }))
  const id = Number(stdout.split(':')[2])
  if (stdout === '' || !Number.isInteger(id)) {
    throw new CausewayError('InvalidConfig', `controller.socketGroup: there is no group ${name} on this machine`)
  }
  return id
}
