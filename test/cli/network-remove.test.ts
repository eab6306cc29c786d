import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { labConfig, yaml } from '../../lab/config.ts'
import { CausewayError } from '../../src/base/errors.ts'
import { showOutcome } from '../../src/cli/network-remove.ts'

const main = new URL('../../src/main.ts', import.meta.url).pathname
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEgSQoNJHoxdGsZjt8J9mCOIJEWZD8cAuwa0Sv0kGThT'

test('causeway network remove does nothing while a controller runs, which would put all back', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'causeway-remove-'))
  t.after(() => rm(folder, { recursive: true }))
  const config = labConfig({ east: key, west: key }, { east: 2, west: 1 })
  config.controller.socket = join(folder, 'socket')
  await writeFile(join(folder, 'causeway.yaml'), yaml(config))
  const controller = createServer((_, response) => response.end('{}')).listen(config.controller.socket)
  t.after(() => controller.close())
  await once(controller, 'listening')
  const run = promisify(execFile)(process.execPath, [
    main,
    'network',
    'remove',
    '--config',
    join(folder, 'causeway.yaml'),
  ])
  await assert.rejects(run, ({ stderr }: { stderr: string }) => {
    assert.match(stderr, /the controller at \S+ runs and would put it all back: stop it first/)
    return true
  })
})

test('what came of it at a gateway is said', () => {
  const none = { commands: [], failures: [], missing: [], pending: [] }
  assert.equal(showOutcome(none), 'there was nothing')
  assert.equal(showOutcome({ ...none, commands: ['ip link del dev cw77'] }), 'removed')
  const failures = [{ command: 'ip link del dev cw77', reason: 'RTNETLINK answers: Operation not permitted' }]
  assert.equal(
    showOutcome({ ...none, commands: ['ip link del dev cw77'], failures, missing: ['ip link del dev cw77'] }),
    'some is left:\n  ip link del dev cw77: RTNETLINK answers: Operation not permitted',
  )
  assert.equal(showOutcome(new CausewayError('HostUnreachable', 'west: no route')), 'not removed: west: no route')
})
