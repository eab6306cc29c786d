import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../client.ts'
import { relay } from '../clients/relay.ts'
import { sha256 } from '../origin.ts'
import { setUp, until } from '../start.ts'

const top = '/epel/9/repodata/repomd.xml'
const repomd = (version: number) => `<repomd><revision>${1_800_000_000 + version}</revision></repomd>`

function metalink(version: number): string {
  const hash = `<verification><hash type="sha256">${sha256(Buffer.from(repomd(version)))}</hash></verification>`
  return `<metalink><files><file name="repomd.xml">${hash}<resources><url>http://mirror.lab${top}</url></resources></file></files></metalink>`
}

for (const [what, headers, filler] of [
  ['that is kept', {}, 0],
  ['that may not be kept', { 'cache-control': 'no-store' }, 0],
  ['of hundreds of mirrors', {}, 300_000],
] as const)
  test(`a client has its promise before it has the end of a metalink ${what}`, async (t) => {
    let version = 1
    const body = metalink(1).replace('</files>', `</files><!--${'x'.repeat(filler)}-->`)
    const { cache } = await setUp(t, (req, res) => {
      if (req.url?.startsWith('/metalink')) res.writeHead(200, headers).end(body)
      else if (req.url === top) res.end(repomd(version))
      else res.writeHead(404).end()
    })
    const [early, late, told] = await Promise.all(
      ['127.0.0.11', '127.0.0.12', '127.0.0.13'].map((address) => relay(t, cache.port, address)),
    )
    const said = async (port = 0, path = top) => (await ask(port, path)).body.toString()
    assert.equal(await said(early), repomd(1))
    version = 2
    await until('the newer version is in use', async () => (await said(late)) === repomd(2))
    for (let round = 0; round < 2; round += 1) {
      assert.equal(await said(told, '/metalink?repo=epel-9'), body)
      assert.equal(await said(told), repomd(1))
    }
  })

test('what is too large for a metalink, or none, is passed on', async (t) => {
  for (const body of ['x'.repeat(3 * 1024 * 1024), '<metalink>', '']) {
    const { cache } = await setUp(t, (_req, res) => res.end(body))
    assert.equal((await ask(cache.port, '/metalink')).body.toString(), body)
    assert.equal((await ask(cache.port, '/metalink', { method: 'HEAD' })).status, 200)
  }
})
