import { readFile } from 'node:fs/promises'
import { setPriority } from 'node:os'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { FastifyInstance } from 'fastify'
import { groupId, listenOnSocket } from '../base/api/unix-socket.ts'
import { systemClock } from '../base/clock.ts'
import { CausewayError, toCausewayError } from '../base/errors.ts'
import { createLogger, type Logger } from '../base/log.ts'
import { buildApp, type DoorOptions } from './app.ts'
import { callsOver } from './calls-over-port.ts'
import type { DoorSettings, DoorsMessage } from './doors.ts'
import { HookInbox } from './hook-inbox.ts'
import { listenOnTcp } from './listen.ts'
import { Metrics } from './metrics.ts'
import { Spool } from './spool.ts'

/** Of how many hooks of earlier runs the ids are remembered. */
const remembered = 10_000

/** The nice value of this thread: it has little to do, and the loop much, perhaps on the same core. */
const niceness = -10

const say = (message: DoorsMessage) => parentPort?.postMessage(message, [])

/** The thread that `openDoors` starts. */
async function main(settings: DoorSettings, port: MessagePort): Promise<void> {
  const { socket, socketGroup, listen, tls, rates, apiTokenHash } = settings
  const clock = systemClock
  const log = createLogger('controller', settings.logLevel)
  takePrecedence(log)
  const controller = callsOver(port)
  const inbox = new HookInbox({ record: (events) => controller.recordHooks(events), clock, log })
  const metrics = new Metrics()
  const services = { clock, controller, inbox, metrics }
  inbox.remember((await controller.recentHookIds(remembered)).toReversed())

  const guarded = { apiTokenHash, callsPerSecond: rates.address } as const
  const local = buildApp(services, { apiTokenHash: null, serves: 'all', callsPerSecond: rates.socket })
  const plain = buildApp(services, { ...guarded, serves: tls ? 'nodes' : 'all' })
  const secure = tls && buildApp(services, { ...guarded, serves: 'all', tls: await readTls(tls) })
  const group = socketGroup === undefined ? null : await groupId(socketGroup)
  const removeSocket = await listenOnSocket(local, socket, socketGroup)
  // The address may belong to the overlay's bridge, which the first round brings about.
  const stopListening = [listenOnTcp(plain, listen, clock, log)]
  if (tls && secure) stopListening.push(listenOnTcp(secure, tls.listen, clock, log))
  const spool = new Spool({
    folder: settings.spool,
    group,
    take: (where, body) => take(local, where, body),
    recorded: () => inbox.recorded(),
    count: (events, bytes) => metrics.spool(events, bytes),
    clock,
    log,
  })
  spool.start()
  parentPort?.once('message', () => {
    void (async () => {
      for (const stop of stopListening) stop()
      await Promise.all([local.close(), plain.close(), secure?.close()])
      await removeSocket()
      await Promise.all([spool.stop(), inbox.close()])
      say({ said: 'closed' })
    })()
  })
  say({ said: 'open' })
}

/** Puts this thread, and no other, before the loop's. Only root may; without, hooks wait a little longer on a busy machine. */
function takePrecedence(log: Logger): void {
  try {
    setPriority(0, niceness)
  } catch (thrown) {
    log.info({ err: toCausewayError(thrown) }, "the doors' thread has no precedence")
  }
}

/** Has a kept event taken as if it came through the door. */
async function take(app: FastifyInstance, where: string, payload: string): Promise<'taken' | 'refused' | 'later'> {
  const headers = { 'content-type': 'application/json' }
  const { statusCode } = await app.inject({ method: 'POST', url: `/v1/hooks/${where}`, headers, payload })
  if (statusCode === 202) return 'taken'
  return statusCode === 429 || statusCode >= 500 ? 'later' : 'refused'
}

async function readTls(tls: NonNullable<DoorSettings['tls']>): Promise<NonNullable<DoorOptions['tls']>> {
  const read = (path: string) =>
    readFile(path, 'utf8').catch((cause: Error) => {
      throw new CausewayError('InvalidConfig', `controller.tls: ${path} can't be read: ${cause.message}`, { cause })
    })
  const { cert, key, clientCa } = tls
  const both = { cert: await read(cert), key: await read(key) }
  return clientCa === undefined ? both : { ...both, clientCa: await read(clientCa) }
}

const { settings, port } = workerData as { settings: DoorSettings; port: MessagePort }
try {
  await main(settings, port)
} catch (thrown) {
  const { code, message } = toCausewayError(thrown)
  say({ said: 'failed', code, message })
}
