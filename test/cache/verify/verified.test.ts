import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { type Logger, silentLog } from '../../../src/base/log.ts'
import { ask } from '../client.ts'
import { bytesFor, sha256 } from '../origin.ts'
import { askAndRest, setUp, until } from '../start.ts'
import { type Signer, startSigner } from './gpg.ts'

const dists = '/debian/dists/lab'
const index = `${dists}/main/binary-amd64/Packages`

/** A signed suite with some packages; what the mirror really gives is in `files`. */
class Mirror {
  readonly files = new Map<string, Buffer>()
  readonly #signer: Signer

  constructor(signer: Signer) {
    this.#signer = signer
  }

  async publish(packages: Record<string, Buffer>): Promise<void> {
    const stanzas = Object.entries(packages).map(
      ([name, body]) => `Package: ${name}
Version: 1
Architecture: amd64
Filename: pool/${name}_1_amd64.deb
Size: ${body.length}
SHA256: ${sha256(body)}
`,
    )
    const list = Buffer.from(stanzas.join('\n'))
    this.files.set(index, list)
    const release = `Date: ${new Date().toUTCString()}
SHA256:
 ${sha256(list)} ${list.length} main/binary-amd64/Packages
`
    this.files.set(`${dists}/InRelease`, await this.#signer.sign(release, ['lab']))
    for (const [name, body] of Object.entries(packages)) this.files.set(pathOf(name), body)
  }
}

function pathOf(name: string): string {
  return `/debian/pool/${name}_1_amd64.deb`
}

async function rig(t: TestContext) {
  const signer = await startSigner(t)
  await signer.key('lab')
  const mirror = new Mirror(signer)
  const reported: { code: string; subject: string }[] = []
  const log = { ...silentLog, warn: (facts: object) => void reported.push(facts as (typeof reported)[0]) } as Logger
  const setup = await setUp(
    t,
    (req, res) => {
      const body = mirror.files.get(req.url ?? '')
      res.writeHead(body ? 200 : 404, { 'content-length': body?.length ?? 0 }).end(body)
    },
    { origin: { keyring: await signer.keyring('lab') }, log },
  )
  const { cache, settings, origin } = setup
  /** Reads the suite as apt does, and waits until the cache has understood it. */
  const update = async () => {
    assert.equal((await ask(cache.port, `${dists}/InRelease`)).status, 200)
    const { status, body } = await ask(cache.port, index)
    assert.deepEqual([status, body.equals(mirror.files.get(index) ?? Buffer.alloc(0))], [200, true])
    const database = new Database(join(settings.store, 'catalogue.db'), { readonly: true })
    const known = database.prepare('SELECT 1 FROM version WHERE sha256 = ?')
    await until('the index is learned', () => known.get(sha256(body)) !== undefined)
    database.close()
  }
  const asked = (path: string) => origin.requests.filter(({ url }) => url === path).length
  const events = (code: string) => reported.filter((one) => one.code === code).map(({ subject }) => subject)
  return { ...setup, mirror, update, asked, events }
}

test('a package that is not what the signed index says is never served whole nor kept, and is reported', async (t) => {
  const { mirror, cache, update, asked, events } = await rig(t)
  const [good, other, long] = [bytesFor('good', 700_000), bytesFor('other', 700_000), bytesFor('long', 300_000)]
  await mirror.publish({ good, swapped: good, small: Buffer.from('small'), longer: long, shorter: long })
  mirror.files.set(pathOf('swapped'), other)
  mirror.files.set(pathOf('small'), Buffer.from('smell'))
  mirror.files.set(pathOf('longer'), Buffer.concat([long, Buffer.from('more')]))
  mirror.files.set(pathOf('shorter'), long.subarray(0, 299_000))
  await update()

  const fine = await askAndRest(cache, pathOf('good'))
  assert.deepEqual([fine.status, sha256(fine.body)], [200, sha256(good)])
  assert.equal((await askAndRest(cache, pathOf('good'))).headers['x-cache'], 'hit')
  for (const name of ['swapped', 'small', 'longer', 'shorter']) {
    const before = asked(pathOf(name))
    for (const round of [1, 2]) {
      const answers = await Promise.all([1, 2, 3].map(() => askAndRest(cache, pathOf(name))))
      for (const { status, broken } of answers)
        assert.ok(status >= 500 || broken, `${name} in round ${round}: ${status}`)
    }
    // It was not kept: the second round had to ask again.
    assert.ok(asked(pathOf(name)) >= before + 2, name)
    assert.ok(
      events('DigestMismatch').some((subject) => subject.includes(pathOf(name))),
      `${name} is reported`,
    )
  }
  // The mirror comes right.
  mirror.files.set(pathOf('swapped'), good)
  const right = await askAndRest(cache, pathOf('swapped'))
  assert.deepEqual([right.status, right.broken, sha256(right.body)], [200, false, sha256(good)])
})

test('what was kept before the index was known is not served once it says something else', async (t) => {
  const { mirror, cache, update, events } = await rig(t)
  const [old, now] = [bytesFor('old', 50_000), bytesFor('now', 50_000)]
  mirror.files.set(pathOf('tool'), old)
  assert.equal((await askAndRest(cache, pathOf('tool'))).headers['x-cache'], 'miss')
  assert.equal((await askAndRest(cache, pathOf('tool'))).headers['x-cache'], 'hit')
  await mirror.publish({ tool: now })
  await update()
  await until('it is found out before anybody asks', () => events('ContentChanged').length > 0)
  const answer = await askAndRest(cache, pathOf('tool'))
  assert.deepEqual([answer.headers['x-cache'], sha256(answer.body)], ['miss', sha256(now)])
  assert.equal((await askAndRest(cache, pathOf('tool'))).headers['x-cache'], 'hit')
  assert.ok(events('ContentChanged').some((subject) => subject.includes(pathOf('tool'))))
})

test('an escaped name is the same file to the index', async (t) => {
  const { mirror, cache, update } = await rig(t)
  const [said, given] = [bytesFor('said', 9_000), bytesFor('given', 9_000)]
  await mirror.publish({ 'libx++6': said })
  await update()
  for (const spelling of ['/debian/pool/libx%2b%2b6_1_amd64.deb', '/debian/./pool//libx++6_1_amd64.deb']) {
    for (const url of ['/debian/pool/libx%2B%2B6_1_amd64.deb', '/debian/pool/libx++6_1_amd64.deb'])
      mirror.files.set(url, given)
    const { status, broken } = await askAndRest(cache, spelling)
    assert.ok(status >= 500 || broken, spelling)
  }
})
