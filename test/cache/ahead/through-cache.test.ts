import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Warmed, WarmProgress } from '../../../src/cache/ahead/warm.ts'
import { askForLines, askSocket } from '../../../src/cli/api-client.ts'
import { ask } from '../client.ts'
import { bytesFor, sha256 } from '../origin.ts'
import { setUp, until } from '../start.ts'

const dists = '/debian/dists/lab'
const index = `${dists}/main/binary-amd64/Packages`
const pathOf = (name: string) => `/debian/pool/${name}_1_amd64.deb`

/** A suite in which `app` needs `library`, which needs `base`; `other` is nobody's. */
class Mirror {
  readonly files = new Map<string, Buffer>([['/debian/image.img', bytesFor('image', 300_000)]])
  /** What is to be had some other time. */
  troubled: string | undefined
  readonly answer: RequestListener = (req, res) => {
    const body = this.files.get(req.url ?? '')
    if (req.url === this.troubled) res.writeHead(403, { 'content-length': 0 }).end()
    else if (body) res.writeHead(200, { 'content-length': body.length, 'cache-control': 'max-age=600' }).end(body)
    else res.writeHead(404, { 'content-length': 0 }).end()
  }

  constructor() {
    const needs: Record<string, string> = { app: 'library', library: 'base', base: '', other: 'base' }
    const stanzas = Object.entries(needs).map(([name, need]) => {
      const body = bytesFor(name, 50_000)
      this.files.set(pathOf(name), body)
      const depends = need === '' ? '' : `Depends: ${need}\n`
      return `Package: ${name}\nVersion: 1\nArchitecture: amd64\n${depends}Filename: pool/${name}_1_amd64.deb\nSize: ${body.length}\nSHA256: ${sha256(body)}\n`
    })
    const list = Buffer.from(stanzas.join('\n'))
    this.files.set(index, list)
    const release = `Date: ${new Date().toUTCString()}\nSHA256:\n ${sha256(list)} ${list.length} main/binary-amd64/Packages\n`
    this.files.set(`${dists}/InRelease`, Buffer.from(release))
  }
}

async function rig(t: TestContext, role: Record<string, unknown> = {}) {
  const mirror = new Mirror()
  const roles = { node: { repository: 'http://mirror.lab/debian', suites: ['lab'], packages: ['app'], ...role } }
  const setup = await setUp(t, mirror.answer, { settings: { roles } })
  const { origin, settings } = setup
  const socket = { socket: join(settings.store, 'admin.sock'), who: 'cache', hint: '' } as const
  const question = { ...socket, path: '/v1/warm', method: 'POST' } as const
  const warm = async (body: object) => {
    const progress: WarmProgress[] = []
    let result: Warmed | undefined
    await askForLines({ ...question, body }, (line) => {
      const said = line as { progress?: WarmProgress; result?: Warmed }
      if (said.progress) progress.push(said.progress)
      result = said.result ?? result
    })
    return { progress, result }
  }
  const asked = () => origin.requests.map(({ url }) => url ?? '')
  const packages = () => asked().filter((url) => url.endsWith('.deb'))
  return { ...setup, mirror, warm, question, asked, packages }
}

test('what a role installs is brought, and the second time only the index is asked for', async (t) => {
  const { warm, packages, asked, cache } = await rig(t, { files: ['image.img'] })
  const { result, progress } = await warm({ roles: ['node'] })
  assert.deepEqual(result, { roles: ['node'], files: 4, bytes: 450_000, fetchedBytes: 450_000, lacking: [] })
  assert.deepEqual(packages().toSorted(), ['app', 'base', 'library'].map(pathOf))
  assert.equal(progress[0]?.stage, 'indexes')
  const before = asked().length
  assert.equal((await warm({ roles: ['node'] })).result?.fetchedBytes, 0)
  assert.deepEqual(asked().slice(before), [`${dists}/InRelease`])
  assert.equal((await ask(cache.port, pathOf('base'))).headers['x-cache'], 'hit')
})

test('what was warmed is installed without a question to the origin: neither packages nor indexes cross the WAN', async (t) => {
  const { warm, asked, cache } = await rig(t)
  await warm({ roles: ['node'] })
  const before = asked().length
  const outcomes = []
  for (const path of [`${dists}/InRelease`, index, ...['base', 'library', 'app'].map(pathOf)])
    outcomes.push((await ask(cache.port, path)).headers['x-cache'])
  assert.deepEqual(outcomes, ['hit', 'hit', 'hit', 'hit', 'hit'])
  await until('what is read ahead is read', () => cache.counters.fetching === 0)
  assert.deepEqual(asked().slice(before), [])
})

test('a package besides; what is installed already is left out', async (t) => {
  const { warm, packages } = await rig(t, { installed: ['base'] })
  await warm({ roles: ['node'] })
  assert.deepEqual(packages().toSorted(), ['app', 'library'].map(pathOf))
  const { result } = await warm({ packages: ['other', 'nothing'] })
  assert.deepEqual(result?.lacking, [{ what: 'nothing', code: 'NotFound', message: 'no index has it' }])
  assert.deepEqual(packages().slice(2), [pathOf('other')])
})

test('who does not wait is answered at once, and an unknown role is refused', async (t) => {
  const { question, packages } = await rig(t)
  await askSocket({ ...question, body: { roles: ['node'], wait: false } })
  await until('all is brought', () => packages().length === 3)
  await assert.rejects(askSocket({ ...question, body: { roles: ['cuda'], wait: false } }), { code: 'InvalidRequest' })
})

test('a client asks for the index: its packages are on their way before it asks for one, each once', async (t) => {
  const { cache, packages } = await rig(t)
  assert.equal((await ask(cache.port, `${dists}/InRelease`)).status, 200)
  await until('all is brought', () => packages().length === 3 && cache.counters.fetching === 0)
  const answers = await Promise.all(['base', 'app', 'library'].map((name) => ask(cache.port, pathOf(name))))
  for (const { headers } of answers) assert.equal(headers['x-cache'], 'hit')
  assert.equal(packages().length, 3)
})

test('what the origin does not have is named, and the rest is there', async (t) => {
  const { warm, mirror } = await rig(t)
  mirror.files.delete(pathOf('library'))
  mirror.troubled = pathOf('base')
  const { result } = await warm({ roles: ['node'] })
  assert.equal(result?.files, 1)
  assert.deepEqual(
    new Map(result?.lacking.map(({ what, code }) => [what, code])),
    new Map([
      [`http://mirror.lab${pathOf('base')}`, 'OriginUnreachable'],
      [`http://mirror.lab${pathOf('library')}`, 'NotFound'],
    ]),
  )
})
