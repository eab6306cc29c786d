import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startChild } from './child.ts'
import { atEnd } from './cleanup.ts'
import { ask } from './client.ts'
import { bytesFor, sha256, startOrigin } from './origin.ts'
import { bodiesIn, scratchFolder, until } from './start.ts'

test('killed in the middle of fetches, again and again, the cache never serves a half file', async (t) => {
  const folder = await scratchFolder(t)
  const sizes = [20_000, 300_000, 2_000_000]
  const bodyOf = (url: string) => bytesFor(url, sizes[Number(/\d/.exec(url)?.[0])] ?? 0)
  let hold = true
  const origin = await startOrigin((req, res) => {
    const body = bodyOf(req.url ?? '')
    res.writeHead(200, { 'content-length': body.length })
    if (hold) res.write(body.subarray(0, body.length - 1))
    else res.end(body)
  })
  atEnd(t, () => origin.close())
  const config = join(folder, 'cache.yaml')
  await writeFile(
    config,
    `listen: 127.0.0.1:0\nstore: ${folder}/store\norigins:\n  mirror.lab: { address: 127.0.0.1, port: ${origin.port} }\n`,
  )
  const files = (round: number) => sizes.map((_, index) => `/pool/f${index}_${'r'.repeat(round)}_all.deb`)

  for (const round of [1, 2, 3]) {
    hold = true
    const doomed = await startChild(t, config)
    assert.deepEqual(await readdir(join(folder, 'store', 'partial')), [], 'swept at the start')
    const come = new Map<string, number>()
    const asking = files(round).map((file) =>
      ask(doomed.port, file, { onData: (soFar) => void come.set(file, soFar) }).catch(() => undefined),
    )
    await until('all but the last byte has come', () =>
      files(round).every((file) => come.get(file) === bodyOf(file).length - 1),
    )
    await doomed.end('SIGKILL')
    for (const answer of await Promise.all(asking)) assert.ok(answer === undefined || answer.broken)

    hold = false
    const heir = await startChild(t, config)
    for (const file of files(round)) {
      const answer = await ask(heir.port, file)
      assert.equal(answer.headers['x-cache'], 'miss')
      assert.equal(sha256(answer.body), sha256(bodyOf(file)))
    }
    await until('all are kept', async () => (await bodiesIn(join(folder, 'store'))) === round * sizes.length)
    await heir.end('SIGKILL')
  }

  const last = await startChild(t, config)
  for (const file of [...files(1), ...files(2), ...files(3)]) {
    const answer = await ask(last.port, file)
    assert.equal(answer.headers['x-cache'], 'hit')
    assert.equal(sha256(answer.body), sha256(bodyOf(file)))
  }
  assert.equal(await last.end('SIGTERM'), 0)
})
