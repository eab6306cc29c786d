import { MessageChannel, Worker } from 'node:worker_threads'
import { CausewayError, type ErrorCode } from '../base/errors.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import { serveCalls } from './calls-over-port.ts'
import type { ControllerCalls } from './controller-calls.ts'

/** What the doors are opened with. */
export interface DoorSettings
  extends Pick<ControllerConfig['controller'], 'socket' | 'socketGroup' | 'listen' | 'tls' | 'rates' | 'spool'> {
  /** SHA-256 in hex of the token of the API. */
  readonly apiTokenHash: string
  readonly logLevel: string
}

/** What the thread says of itself. */
export type DoorsMessage =
  | { readonly said: 'open' | 'closed' }
  | { readonly said: 'failed'; readonly code: ErrorCode; readonly message: string }

/** Doors that are open. */
export interface Doors {
  /** Closes them; resolves when everything that came in is recorded. */
  close(): Promise<void>
}

/**
 * Opens the controller's doors in a thread of their own, so that a hook is answered at once whatever the loop is doing: a
 * round over a long queue, or a write to a busy store, keeps the loop's thread for longer than a scheduler should wait.
 * @param fail told when the thread ends by itself
 * @throws CausewayError `Conflict` when another controller answers at the socket; `InvalidConfig` for an unknown group or
 *   certificates that can't be read
 */
export async function openDoors(
  settings: DoorSettings,
  calls: ControllerCalls,
  fail: (error: Error) => void,
): Promise<Doors> {
  const { port1, port2 } = new MessageChannel()
  serveCalls(port1, calls)
  // The sources and the built package differ in their files' extension.
  const main = import.meta.filename.endsWith('.ts')
    ? new URL('./doors-main.ts', import.meta.url)
    : new URL('./doors-main.js', import.meta.url)
  const worker = new Worker(main, { workerData: { settings, port: port2 }, transferList: [port2] })
  const said = (awaited: 'open' | 'closed') =>
    new Promise<void>((resolve, reject) => {
      const listen = (message: DoorsMessage) => {
        worker.off('message', listen)
        if (message.said === awaited) resolve()
        else if (message.said === 'failed') reject(new CausewayError(message.code, message.message))
      }
      worker.on('message', listen)
      worker.once('error', reject)
    })
  try {
    await said('open')
  } catch (thrown) {
    await worker.terminate()
    port1.close()
    throw thrown
  }
  worker.removeAllListeners('error')
  worker.once('error', fail)
  return {
    async close() {
      const closed = said('closed')
      worker.postMessage('close', [])
      await closed
      await worker.terminate()
      port1.close()
    },
  }
}
