import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { atEnd } from '../cleanup.ts'

/**
 * Gives a client that can't choose its address one of its own: what connects to the returned port reaches `port` from
 * `address` (one of loopback's). It ends with the test.
 */
export async function relay(t: TestContext, port: number, address: string): Promise<number> {
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port, localAddress: address })
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
      socket.on('error', () => {
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far)
    far.pipe(near)
  })
  atEnd(t, () => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
