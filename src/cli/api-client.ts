import { createInterface } from 'node:readline'
import type * as Undici from 'undici'
import { CausewayError } from '../base/errors.ts'

/** A question to a program of ours on this machine, over its unix socket. */
export interface Question {
  readonly socket: string
  /** Such as `/v1/status`. */
  readonly path: string
  /** POST tells it to do something. */
  readonly method?: 'GET' | 'POST'
  readonly body?: unknown
  readonly who: 'controller' | 'cache'
  /** What to look at when nobody answers. */
  readonly hint: string
}

/** The form of every error of ours over HTTP. */
interface Refused {
  readonly error?: { readonly code: CausewayError['code']; readonly message: string }
}

/**
 * Asks the controller on this machine; with `method` POST, tells it to do something, which `body` may say more of.
 * @throws CausewayError with the code that the controller answered, or `HostUnreachable` when nobody answers
 */
export function askController<T>(
  socket: string,
  path: string,
  method: 'GET' | 'POST' = 'GET',
  body?: object,
): Promise<T> {
  const hint = 'is "causeway controller" running?'
  return askSocket<T>({ socket, path, method, ...(body ? { body } : {}), who: 'controller', hint })
}

/**
 * Asks and gives the whole answer.
 * @throws CausewayError with the code that was answered, `HostUnreachable` when nobody answers, `Unauthorized` when the
 *   socket is not for this user
 */
export function askSocket<T>(question: Question): Promise<T> {
  return answered(question, async (body) => refusedOr<T>(await body.json()))
}

/**
 * Asks what takes a while: `onLine` gets each JSON line as it comes.
 * @throws CausewayError as `askSocket`; also when a line says that it went wrong
 */
export function askForLines(question: Question, onLine: (line: unknown) => void): Promise<void> {
  return answered(question, async (body) => {
    for await (const line of createInterface({ input: body })) onLine(refusedOr<unknown>(JSON.parse(line)))
  })
}

type Body = Awaited<ReturnType<typeof Undici.request>>['body']

async function answered<T>(question: Question, read: (body: Body) => Promise<T>): Promise<T> {
  // Not loaded where nothing is asked: the cache's process carries this file about for its commands.
  const { Agent, request } = await import('undici')
  const { socket, path, method = 'GET', body, who, hint } = question
  const dispatcher = new Agent({ connect: { socketPath: socket }, bodyTimeout: 0 })
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  try {
    const response = await request(`http://causeway${path}`, { method, dispatcher, headersTimeout: 30_000, ...sent })
    return await read(response.body)
  } catch (thrown) {
    if (thrown instanceof CausewayError) throw thrown
    const { message, code } = thrown as NodeJS.ErrnoException
    if (code === 'EACCES') {
      const text = `you may not use the ${who}'s socket ${socket}: only its user and group and root may`
      throw new CausewayError('Unauthorized', text, { cause: thrown })
    }
    throw new CausewayError('HostUnreachable', `no ${who} answers at ${socket} (${message}): ${hint}`, {
      cause: thrown,
    })
  } finally {
    await dispatcher.close()
  }
}

function refusedOr<T>(answer: unknown): T {
  const { error } = (answer ?? {}) as Refused
  if (error) throw new CausewayError(error.code, error.message)
  return answer as T
}
