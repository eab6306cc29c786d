import { Agent, request } from 'undici'
import { CausewayError } from '../base/errors.ts'

/**
 * Asks the controller on this machine, over its unix socket; with `method` POST, tells it to do something.
 * @param path such as `/v1/status`
 * @throws CausewayError with the code that the controller answered, or `HostUnreachable` when nobody answers
 */
export async function askController<T>(socket: string, path: string, method: 'GET' | 'POST' = 'GET'): Promise<T> {
  const dispatcher = new Agent({ connect: { socketPath: socket } })
  try {
    const response = await request(`http://controller${path}`, { method, dispatcher, headersTimeout: 30_000 })
    const body = (await response.body.json()) as { error?: { code: CausewayError['code']; message: string } }
    if (body.error) throw new CausewayError(body.error.code, body.error.message)
    return body as T
  } catch (thrown) {
    if (thrown instanceof CausewayError) throw thrown
    const why = (thrown as Error).message
    const text = `no controller answers at ${socket} (${why}): is "causeway controller" running, and may you use its socket?`
    throw new CausewayError('HostUnreachable', text, { cause: thrown })
  } finally {
    await dispatcher.close()
  }
}
