import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import Fastify from 'fastify'
import { listenOnSocket } from '../../src/base/api/unix-socket.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { askController } from '../../src/cli/api-client.ts'
import { listenOnTcp } from '../../src/hooks/listen.ts'

function app() {
  const made = Fastify()
  made.get('/v1/healthz', async () => ({ ok: true }))
  return made
}

describe('the doors', () => {
  let folder: string
  let socket: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-listen-'))
    socket = join(folder, 'run', 'causeway.sock')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('the socket is for its owner and its group only', async () => {
    const one = app()
    const remove = await listenOnSocket(one, socket, 'daemon')
    const { mode, gid } = statSync(socket)
    assert.equal(mode & 0o777, 0o660)
    assert.equal(gid, 1)
    assert.deepEqual(await askController(socket, '/v1/healthz'), { ok: true })
    assert.deepEqual(readdirSync(join(folder, 'run')), ['causeway.sock'])
    await one.close()
    await remove()
    assert.deepEqual(readdirSync(join(folder, 'run')), [])
  })

  test('a second controller is refused; a socket that a crash left is replaced', async () => {
    const one = app()
    const two = app()
    await listenOnSocket(one, socket, undefined)
    await assert.rejects(listenOnSocket(two, socket, undefined), { code: 'Conflict' })
    assert.deepEqual(await askController(socket, '/v1/healthz'), { ok: true })
    // What a kill -9 leaves: a socket file that nobody answers.
    await one.close()
    assert.deepEqual(readdirSync(join(folder, 'run')), ['causeway.sock'])
    await listenOnSocket(two, socket, undefined)
    assert.deepEqual(await askController(socket, '/v1/healthz'), { ok: true })
    await two.close()
  })

  test('a path that nobody could connect to is refused', async () => {
    const one = app()
    const long = join(folder, 'x'.repeat(108 - folder.length))
    await assert.rejects(listenOnSocket(one, long, undefined), { code: 'InvalidConfig', message: /too long/ })
    await one.close()
  })

  test('an unknown group is named', async () => {
    const one = app()
    await assert.rejects(listenOnSocket(one, socket, 'no-such-group'), {
      code: 'InvalidConfig',
      message: /no-such-group/,
    })
    await one.close()
  })

  test('an address that is not there yet is waited for, and the waiting can be ended', async () => {
    const one = app()
    const stop = listenOnTcp(one, '203.0.113.9:8470', systemClock, silentLog)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(one.server.listening, false)
    stop()
    await one.close()
  })

  test('nobody at the socket: the error says so and what to look at', async () => {
    await assert.rejects(askController(join(folder, 'none.sock'), '/v1/status'), {
      code: 'HostUnreachable',
      message: /no controller answers at .*none\.sock.*is "causeway controller" running/,
    })
  })
})
