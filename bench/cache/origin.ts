import { request } from 'node:http'

/** One request that the origin answered. */
export interface OriginRequest {
  readonly path: string
  readonly method: string
  /** The Range header, empty without one. */
  readonly range: string
  readonly status: number
  /** Bytes that it gave to the connection, the head among them; some of them may never have arrived. */
  readonly sent: number
}

/** The origin's control socket. */
export class OriginControl {
  readonly #socketPath: string

  constructor(socketPath: string) {
    this.#socketPath = socketPath
  }

  /** What was asked for since this was asked last. */
  async requests(): Promise<readonly OriginRequest[]> {
    return (await this.#ask('GET', '/requests')) as readonly OriginRequest[]
  }

  /** Has it make these files, so that the first who asks need not wait for it. */
  async prepare(paths: readonly string[]): Promise<void> {
    for (let at = 0; at < paths.length; at += 50) {
      const some = paths.slice(at, at + 50).map((path) => `path=${encodeURIComponent(path)}`)
      await this.#ask('PUT', `/prepare?${some.join('&')}`)
    }
  }

  /** Breaks off the next transfer of a file after so many bytes of its body. */
  async breakOff(path: string, after: number): Promise<void> {
    await this.#ask('PUT', `/break?path=${encodeURIComponent(path)}&after=${after}`)
  }

  #ask(method: string, path: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const asking = request({ socketPath: this.#socketPath, path, method, agent: false }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
        response.on('error', reject)
      })
      asking.on('error', reject)
      asking.end()
    })
  }
}
