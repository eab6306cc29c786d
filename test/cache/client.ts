import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** The connection broke before the end that the headers promised. */
  readonly broken: boolean
}

export interface Ask {
  readonly method?: string
  readonly headers?: Record<string, string>
  /** Called with what has come so far at each step; may destroy the response. */
  readonly onData?: (soFar: number, response: IncomingMessage) => void
}

/** Asks the cache on a connection of its own, as a redirected node does. Rejects only when there is no answer at all. */
export function ask(port: number, path: string, { method = 'GET', headers = {}, onData }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false })
    const outgoing = request({
      port,
      host: '127.0.0.1',
      path,
      method,
      agent,
      headers: { host: 'mirror.lab', ...headers },
    })
    outgoing.on('error', reject)
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      let soFar = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        soFar += chunk.length
        onData?.(soFar, response)
      })
      response.on('error', () => {})
      response.on('close', () => {
        outgoing.on('error', () => {})
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, body: Buffer.concat(chunks), broken: !response.complete })
      })
    })
    outgoing.end()
  })
}

/** Sends bytes as they are and gives back all that comes until the cache closes the connection. */
export function askRaw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let said = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      said += text
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(said))
    socket.write(bytes, 'latin1')
  })
}
