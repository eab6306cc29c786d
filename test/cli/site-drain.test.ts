import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { listenOnSocket } from '../../src/base/api/unix-socket.ts'
import { CausewayError } from '../../src/base/errors.ts'
import { silentLog } from '../../src/base/log.ts'
import type { SiteReport } from '../../src/elastic/site-keeper.ts'
import { buildApp } from '../../src/hooks/app.ts'
import type { ControllerCalls } from '../../src/hooks/controller-calls.ts'
import { HookInbox } from '../../src/hooks/hook-inbox.ts'
import { Metrics } from '../../src/hooks/metrics.ts'
import { configText } from '../support/controller-config.ts'

const main = join(import.meta.dirname, '../../src/main.ts')
const report: SiteReport = {
  site: 'east',
  reachable: true,
  trouble: '',
  drain: null,
  nodes: 2,
  machinesLeft: null,
  silence: '',
  hosts: [],
  breakers: [],
}

let folder: string
let app: FastifyInstance
let asked: unknown[]
/** The nodes of the site, one list for each time that they are asked for; the last one stays. */
let nodes: { id: string; site: string; host: string | null; name: string; phase: string }[][]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'causeway-site-'))
  const socket = join(folder, 'causeway.sock')
  asked = []
  nodes = [[]]
  const controller = {
    sites: async () => [report],
    drainSite: async (...args: unknown[]) => {
      asked.push(['drain', ...args])
      return { ...report, drain: { reason: String(args[2]), sinceMs: Date.now() } }
    },
    undrainSite: async (site: string, host: string | null) => {
      asked.push(['undrain', site, host])
      throw new CausewayError('NotFound', `site ${site} is not drained`)
    },
    nodes: async () => (nodes.length > 1 ? nodes.shift() : nodes[0]),
  } as unknown as ControllerCalls
  const clock = { now: () => 0, sleep: async () => undefined }
  const inbox = new HookInbox({ record: async () => undefined, clock, log: silentLog })
  app = buildApp(
    { clock, controller, inbox, metrics: new Metrics() },
    { apiTokenHash: null, serves: 'all', callsPerSecond: 1000 },
  )
  await listenOnSocket(app, socket, undefined)
  writeFileSync(join(folder, 'causeway.yaml'), configText({ controller: `socket: ${socket}` }))
})
afterEach(async () => {
  await app.close()
  rmSync(folder, { recursive: true, force: true })
})

const site = (...args: string[]) =>
  new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const argv = [main, 'site', ...args, '--config', join(folder, 'causeway.yaml')]
    execFile(process.execPath, argv, (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }))
  })

test('a drain is told with its reason and shown, and taken back', async () => {
  const { code, out } = await site('drain', 'east', '--reason', 'new roof')
  assert.equal(code, 0)
  assert.match(out, /^SITE .*\neast +drained for .*s \(new roof\)/)
  const refused = await site('undrain', 'east', '--host', 'h1')
  assert.deepEqual([refused.code, refused.err], [1, 'causeway: site east is not drained\n'])
  assert.deepEqual(asked, [
    ['drain', 'east', null, 'new roof'],
    ['undrain', 'east', 'h1'],
  ])
})

test('--wait returns when no node is left on the host, whatever other hosts have', async () => {
  const other = { id: 'b', site: 'east', host: 'h2', name: 'east-2', phase: 'ready' }
  nodes = [[other, { id: 'a', site: 'east', host: 'h1', name: 'east-1', phase: 'draining' }], [other]]
  const { code, out } = await site('drain', 'east', '--host', 'h1', '--wait')
  assert.equal(code, 0)
  assert.equal(out, 'host h1 of east has 1 node: east-1 draining\nhost h1 of east is empty\n')
  assert.deepEqual(asked, [['drain', 'east', 'h1', '']])
})
