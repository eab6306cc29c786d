import { connect, type Socket } from 'node:net'

/**
 * One keep-alive connection that sends a request at a time and counts the body's bytes without looking at them; as
 * little work per byte as Node can do, so that the server is what is measured.
 */
export class LoadConnection {
  readonly #socket: Socket
  #head = ''
  /** Bytes of the current body still to come; -1 while the head is coming. */
  #left = -1
  #length = 0
  #done: ((length: number) => void) | undefined
  #failed: ((error: Error) => void) | undefined

  constructor(port: number) {
    const buffer = Buffer.allocUnsafeSlow(1024 * 1024)
    const onread = {
      buffer,
      callback: (bytes: number) => {
        this.#take(buffer, bytes)
        return true
      },
    }
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread })
    this.#socket.on('error', (error) => this.#failed?.(error))
    this.#socket.on('close', () => this.#failed?.(new Error('the server closed the connection')))
  }

  /** Fetches a path; resolves to the bytes of its body. */
  fetch(path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#done = resolve
      this.#failed = reject
      this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: mirror.lab\r\n\r\n`)
    })
  }

  close(): void {
    this.#failed = undefined
    this.#socket.destroy()
  }

  #take(buffer: Buffer, bytes: number): void {
    let body = bytes
    if (this.#left === -1) {
      const before = this.#head.length
      this.#head += buffer.toString('latin1', 0, Math.min(bytes, 8192))
      const end = this.#head.indexOf('\r\n\r\n')
      if (end === -1) return
      const [, length] = /^HTTP\/1\.1 200 [^]*?\r\ncontent-length: (\d+)/i.exec(this.#head) ?? []
      if (length === undefined) return this.#failed?.(new Error(`unexpected answer: ${this.#head.slice(0, 200)}`))
      this.#length = Number(length)
      this.#left = this.#length
      this.#head = ''
      body = bytes - (end + 4 - before)
    }
    this.#left -= body
    if (this.#left > 0) return
    this.#left = -1
    this.#done?.(this.#length)
  }
}

/** Fetches one path over and over on some connections for a while; per second. */
export async function hammer(port: number, path: string, connections: number, ms: number) {
  const until = performance.now() + ms
  const start = performance.now()
  let requests = 0
  let bytes = 0
  await withConnections(port, connections, async (connection) => {
    while (performance.now() < until) {
      const length = await connection.fetch(path)
      bytes += length
      requests += 1
    }
  })
  const seconds = (performance.now() - start) / 1000
  return { requestsPerSecond: requests / seconds, megabytesPerSecond: bytes / 1e6 / seconds }
}

/** Has each of some clients fetch all paths in order, all at once; the seconds until the last has the last. */
export async function fetchAll(port: number, paths: readonly string[], clients: number): Promise<number> {
  const start = performance.now()
  await withConnections(port, clients, async (connection) => {
    for (const path of paths) await connection.fetch(path)
  })
  return (performance.now() - start) / 1000
}

async function withConnections(port: number, count: number, work: (connection: LoadConnection) => Promise<void>) {
  const connections = Array.from({ length: count }, () => new LoadConnection(port))
  try {
    await Promise.all(connections.map(work))
  } finally {
    for (const connection of connections) connection.close()
  }
}
