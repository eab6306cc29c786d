import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { askController } from '../../src/cli/api-client.ts'
import { hashToken } from '../../src/elastic/tokens.ts'
import type { ControllerCalls } from '../../src/hooks/controller-calls.ts'
import { type DoorSettings, type Doors, openDoors } from '../../src/hooks/doors.ts'
import type { NewEvent } from '../../src/store/event-store.ts'
import { freePort } from '../support/free-port.ts'
import { someNetwork } from '../support/network-report.ts'
import { hookScript } from './hook-script-rig.ts'

const node = { id: 'id-1', site: 'east', phase: 'ready' }

suite("the doors' own thread", () => {
  let folder: string
  let settings: DoorSettings
  let doors: Doors | null
  let recorded: NewEvent[]
  let calls: ControllerCalls
  let port: number

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-doors-'))
    port = await freePort()
    settings = {
      socket: join(folder, 'run', 'causeway.sock'),
      listen: `127.0.0.1:${port}`,
      rates: { socket: 1000, address: 1000 },
      spool: join(folder, 'spool'),
      logLevel: 'silent',
      apiTokenHash: hashToken('api-token'),
    }
    recorded = []
    const no = () => Promise.reject(new CausewayError('NotFound', 'there is none'))
    calls = {
      status: no,
      nodes: async (all) => [{ ...node, name: String(all) }] as never,
      timeline: no,
      why: no,
      sites: no,
      drainSite: no,
      undrainSite: no,
      reloadPolicy: no,
      keys: no,
      rotateKeys: no,
      reportPhase: no,
      recordHooks: async (events) => {
        recorded.push(...events)
      },
      recentHookIds: async () => ['known-0001'],
      network: async () => someNetwork,
      figures: async () => ({ rounds: 3, readings: 0, failedReadings: 0, readingMs: null, readingAgeMs: null }),
    }
    doors = null
  })
  afterEach(async () => {
    await doors?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const open = async (more: Partial<DoorSettings> = {}) => {
    const opened = await openDoors({ ...settings, ...more }, calls, (error) => assert.fail(error))
    doors = opened
    return opened
  }
  const curl = (...args: string[]) =>
    execFileSync('curl', ['--silent', '--show-error', '--max-time', '120', '--noproxy', '*', ...args]).toString()
  const overSocket = (...args: string[]) => curl('--unix-socket', settings.socket, ...args)
  const postHook = (body: object) =>
    JSON.parse(
      overSocket('-H', 'content-type: application/json', '-d', JSON.stringify(body), 'http://x/v1/hooks/slurm/epilog'),
    ) as object
  /** TCP is opened in the background. */
  const overTcp = (...args: string[]) => curl('--retry', '20', '--retry-connrefused', '--retry-delay', '1', ...args)

  test('a hook is answered while the thread of the loop is busy, and recorded when it is not', async () => {
    await open()
    // execFileSync keeps this thread, which would have to answer if the doors were in it.
    assert.deepEqual(postHook({ id: 'event-0001', jobs: ['7'] }), { accepted: true, duplicate: false })
    assert.deepEqual(postHook({ id: 'event-0001', jobs: ['7'] }), { accepted: true, duplicate: true })
    assert.deepEqual(recorded, [])
    await doors?.close()
    doors = null
    assert.deepEqual(
      recorded.map(({ jobs }) => jobs),
      [['7']],
    )
    assert.equal(existsSync(settings.socket), false)
  })

  test('the ids of earlier runs are known', async () => {
    await open()
    assert.deepEqual(postHook({ id: 'known-0001' }), { accepted: true, duplicate: true })
  })

  test('calls are passed on with their arguments, results and errors', async () => {
    await open()
    assert.deepEqual(await askController(settings.socket, '/v1/nodes?all=true'), [{ ...node, name: 'true' }])
    await assert.rejects(askController(settings.socket, '/v1/jobs/7/why'), {
      code: 'NotFound',
      message: 'there is none',
    })
  })

  test('over TCP the API wants its token', async () => {
    await open()
    const url = `http://127.0.0.1:${port}/v1/nodes`
    // The children must not keep this thread: it answers what the doors pass on.
    assert.match(overTcp(url), /Unauthorized/)
    const answer = await fetch(url, { headers: { authorization: 'Bearer api-token' } })
    assert.deepEqual(await answer.json(), [{ ...node, name: 'false' }])
  })

  test('what cannot be opened is said, and nothing is left behind', async () => {
    await open()
    await assert.rejects(openDoors(settings, calls, assert.fail), { code: 'Conflict' })
    const other = { ...settings, socket: join(folder, 'other.sock') }
    await assert.rejects(openDoors({ ...other, socketGroup: 'no-such-group' }, calls, assert.fail), {
      code: 'InvalidConfig',
      message: /no-such-group/,
    })
    const tls = { listen: '127.0.0.1:1', cert: '/nowhere.pem', key: '/nowhere.key' }
    await assert.rejects(openDoors({ ...other, tls }, calls, assert.fail), { message: /\/nowhere.pem can't be read/ })
    assert.equal(existsSync(other.socket), false)
  })

  test('with TLS the API is behind it: by token, or by a certificate of the authority', async () => {
    const at = (name: string) => join(folder, name)
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    for (const name of ['ca', 'stranger']) {
      openssl('req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`)
    }
    for (const name of ['server', 'client']) {
      const names = ['-addext', 'subjectAltName=IP:127.0.0.1']
      const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key']
      openssl(
        'req',
        '-x509',
        ...by,
        ...key,
        ...names,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.pem`,
        '-subj',
        `/CN=${name}`,
      )
    }
    const tlsPort = await freePort()
    const tls = {
      listen: `127.0.0.1:${tlsPort}`,
      cert: at('server.pem'),
      key: at('server.key'),
      clientCa: at('ca.pem'),
    }
    await open({ tls })
    const url = `https://127.0.0.1:${tlsPort}/v1/hooks/plugin/test`
    const post = (...args: string[]) =>
      overTcp('--cacert', at('ca.pem'), '-H', 'content-type: application/json', '-d', '{}', ...args, url)
    assert.match(post(), /Unauthorized/)
    assert.match(post('-H', 'authorization: Bearer wrong'), /Unauthorized/)
    assert.match(post('-H', 'authorization: Bearer api-token'), /accepted/)
    assert.match(post('--cert', at('client.pem'), '--key', at('client.key')), /accepted/)
    assert.match(post('--cert', at('stranger.pem'), '--key', at('stranger.key')), /Unauthorized/)
    // Nodes go on without TLS; the API does not.
    const plain = `http://127.0.0.1:${port}/v1`
    assert.match(overTcp(`${plain}/healthz`), /ok/)
    assert.match(overTcp('-H', 'authorization: Bearer api-token', `${plain}/status`), /NotFound/)
    // The hook script, from another host.
    const options = at('curl.conf')
    writeFileSync(options, `cacert = ${at('ca.pem')}\ncert = ${at('client.pem')}\nkey = ${at('client.key')}\n`)
    const env = {
      CAUSEWAY_URL: `https://127.0.0.1:${tlsPort}`,
      CAUSEWAY_CURL_CONFIG: options,
      CAUSEWAY_SPOOL: at('none'),
    }
    execFileSync(hookScript('hooks/post-event'), ['plugin', 'remote', 'job=1'], { env })
    assert.equal(existsSync(at('none')), false)
    await doors?.close()
    doors = null
    assert.deepEqual(
      recorded.map(({ code }) => code),
      ['test', 'test', 'remote'],
    )
  })

  test('what was kept while nobody was there is taken at the start, in its order, and only once', async () => {
    const put = (nth: number, where: string, body: object) =>
      writeFileSync(join(settings.spool, `170000000000000000${nth}-x.event`), `${where}\n${JSON.stringify(body)}\n`)
    mkdirSync(settings.spool, { mode: 0o700 })
    put(2, 'slurm/epilog', { id: 'event-0002', jobs: ['2'] })
    put(1, 'slurm/epilog', { id: 'event-0001', at: 1234, jobs: ['1'] })
    put(3, 'slurm/epilog', { id: 'known-0001', jobs: ['3'] })
    put(4, 'slurm/epilog', { nonsense: true })
    await open()
    await until('everything is taken', () => readdirSync(settings.spool).length === 0)
    assert.deepEqual(
      recorded.map(({ atMs, jobs }) => [atMs === 1234, jobs]),
      [
        [true, ['1']],
        [false, ['2']],
      ],
    )
  })

  test('the spool folder is made for the group of the socket', async () => {
    await open({ socketGroup: 'daemon' })
    await until('it is made', () => existsSync(settings.spool) && (statSync(settings.spool).mode & 0o7777) === 0o2770)
    assert.equal(statSync(settings.spool).gid, 1)
  })
})

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = Date.now() + 120_000
  while (!condition()) {
    assert.ok(Date.now() < end, `not yet: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
