import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below what Linux gives to connections and to who listens on port 0, so that none of those takes it meanwhile. */
const [least, most] = [20_000, 32_000]

/** A TCP port on loopback that nothing listens on, for who can't listen on port 0 and tell which it got. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(least, most)
    const server = createServer()
    const listens = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!listens) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}
