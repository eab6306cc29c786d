import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLog } from '../../../src/base/log.ts'
import { type RunningCache, startCache } from '../../../src/cache/server.ts'
import { atEnd } from '../cleanup.ts'
import { ask } from '../client.ts'
import { startOrigin } from '../origin.ts'
import { settingsFor } from '../settings-for.ts'
import { scratchFolder } from '../start.ts'

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = await startOrigin(() => {})
  await server.close()
  return server.port
}

/** Two caches, each the other's parent, before one origin. */
async function twoCaches(t: TestContext): Promise<{ east: RunningCache; west: RunningCache; asked: () => number }> {
  const folder = await scratchFolder(t)
  const origin = await startOrigin((_req, res) => res.end('text'))
  atEnd(t, () => origin.close())
  const ports = [await freePort(), await freePort()] as const
  const start = async (name: string, port: number, parent: number) => {
    const settings = settingsFor({
      listen: `127.0.0.1:${port}`,
      store: join(folder, name),
      origins: { 'mirror.lab': { address: '127.0.0.1', port: origin.port } },
      parent: `http://127.0.0.1:${parent}`,
    })
    const cache = await startCache(settings, { log: silentLog })
    atEnd(t, () => cache.stop(0))
    return cache
  }
  const east = await start('east', ports[0], ports[1])
  const west = await start('west', ports[1], ports[0])
  return { east, west, asked: () => origin.requests.length }
}

for (const [what, headers] of [
  ['a file', {}],
  ['a file for one client alone', { authorization: 'Basic YTpi' }],
] as const) {
  test(`caches that are each other's parent: ${what} is refused where it comes back to, and the origin asked`, async (t) => {
    const { east, west, asked } = await twoCaches(t)
    const answer = await ask(east.port, '/pool/a_1_all.deb', { headers })
    assert.deepEqual([answer.status, answer.body.toString()], [200, 'text'])
    assert.equal(east.counters.refused, 1, 'its own request, when it came back')
    assert.equal(west.counters.refused, 0)
    assert.equal(asked(), 1)
  })
}
