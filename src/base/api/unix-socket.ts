import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { CausewayError } from '../errors.ts'

/** Bytes of a socket's path that Linux takes: unix(7). */
const longestPath = 107

/**
 * Listens on a unix socket with mode 0660, so that its owner and its group may use it and nobody else. A socket that a
 * crash left behind is replaced.
 * @returns removes the socket; the application is to be closed before
 * @throws CausewayError `Conflict` when somebody answers there already; `InvalidConfig` for an unknown group or too long a path
 */
export async function listenOnSocket(
  app: FastifyInstance,
  path: string,
  group: string | undefined,
): Promise<() => Promise<void>> {
  if (await isAnswered(path))
    throw new CausewayError('Conflict', `somebody already answers at ${path}: is it running twice?`)
  const groupNumber = group === undefined ? null : await groupId(group)
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  // Made where nobody else gets at it, and moved once it has its permissions: a umask would be the whole process's.
  const folder = await mkdtemp(join(dirname(path), '.c-'))
  const made = join(folder, 's')
  try {
    if (Math.max(Buffer.byteLength(made), Buffer.byteLength(path)) > longestPath) {
      throw new CausewayError('InvalidConfig', `${path} is too long for a unix socket: configure a shorter path for it`)
    }
    await app.listen({ path: made })
    if (groupNumber !== null) await chown(made, (await stat(made)).uid, groupNumber)
    await chmod(made, 0o660)
    await rename(made, path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return () => rm(path, { force: true })
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

/**
 * The number of a group of this machine.
 * @throws CausewayError `InvalidConfig`
 */
export async function groupId(name: string): Promise<number> {
  const { stdout } = await promisify(execFile)('getent', ['group', name]).catch(() => ({ stdout: '' }))
  const id = Number(stdout.split(':')[2])
  if (stdout === '' || !Number.isInteger(id)) {
    throw new CausewayError('InvalidConfig', `socketGroup: there is no group ${name} on this machine`)
  }
  return id
}
