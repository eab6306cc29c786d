import type { FastifyInstance } from 'fastify'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'

/** How often an address that is not there yet is tried again, ms. */
const retryMs = 500

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
