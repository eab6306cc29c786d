import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An origin inside the test's process, which answers as the test says. */
export interface TestOrigin {
  readonly port: number
  /** Every request that came, in order. */
  readonly requests: IncomingMessage[]
  /** Stops it; connections are cut off. Later connections are refused. */
  close(): Promise<void>
  /** Begins anew on the same port. */
  reopen(): Promise<void>
}

export async function startOrigin(answer: RequestListener): Promise<TestOrigin> {
  const requests: IncomingMessage[] = []
  const start = async (port: number) => {
    const server = createServer((req, res) => {
      requests.push(req)
      answer(req, res)
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  let server = await start(0)
  const { port } = server.address() as AddressInfo
  const close = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  return {
    port,
    requests,
    close,
    reopen: async () => {
      server = await start(port)
    },
  }
}

/** Bytes that differ from place to place, the same for the same arguments. */
export function bytesFor(name: string, length: number): Buffer {
  const body = Buffer.alloc(length)
  const seed = createHash('sha256').update(name).digest()
  for (let offset = 0; offset < length; offset += 4096) {
    const block = createHash('sha512').update(seed).update(String(offset)).digest()
    for (let at = offset; at < Math.min(length, offset + 4096); at += block.length) block.copy(body, at)
  }
  return body
}

export function sha256(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}
