import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { type CacheChild, startChild } from '../child.ts'
import { atEnd } from '../cleanup.ts'
import { ask } from '../client.ts'
import { bytesFor, sha256, startOrigin } from '../origin.ts'
import { scratchFolder, until } from '../start.ts'

const blockBytes = 256 * 1024
const body = bytesFor('killed', 6_000_000)
const deb = '/pool/k_1_all.deb'

/** How much of it has come, bytes, when the process is killed. */
const stages = [1, 700_000, 3_000_000, body.length - 1] as const

test('killed at any stage of a fill, the next one asks only for what is missing', { timeout: 240_000 }, async (t) => {
  const folder = await scratchFolder(t)
  let stopAt: number = body.length
  const asked: (string | undefined)[] = []
  let sent = 0
  const origin = await startOrigin((req, res) => {
    const { range } = req.headers
    asked.push(range)
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? []
    const start = Number(from ?? 0)
    const end = to ? Number(to) + 1 : body.length
    const ranged = from !== undefined && req.headers['if-range'] === '"1"'
    const head = { etag: '"1"', 'accept-ranges': 'bytes', 'content-length': ranged ? end - start : body.length }
    const told = { 'content-range': `bytes ${start}-${end - 1}/${body.length}` }
    res.writeHead(ranged ? 206 : 200, ranged ? { ...head, ...told } : head)
    const part = body.subarray(ranged ? start : 0, ranged ? end : body.length)
    sent += Math.min(part.length, stopAt)
    send(res, part.subarray(0, stopAt), stopAt >= part.length)
  })
  atEnd(t, () => origin.close())
  const config = join(folder, 'cache.yaml')

  for (const stage of stages) {
    const store = join(folder, `store-${stage}`)
    const yaml = `origins:\n  mirror.lab: { address: 127.0.0.1, port: ${origin.port} }\n`
    await writeFile(config, `listen: 127.0.0.1:0\nstore: ${store}\nstorage: { keepFree: 1MiB }\n${yaml}`)
    stopAt = stage
    asked.length = 0
    sent = 0
    const doomed = await startChild(t, config)
    let come = 0
    const asking = ask(doomed.port, deb, { onData: (soFar) => void (come = soFar) }).catch(() => undefined)
    await until(`${stage} bytes have come`, () => come === stage)
    await doomed.end('SIGKILL')
    const broken = await asking
    assert.ok(broken === undefined || broken.broken)

    stopAt = body.length
    sent = 0
    const heir = await startChild(t, config)
    const answer = await ask(heir.port, deb)
    assert.equal(sha256(answer.body), sha256(body))
    // Whole blocks that were on disk are not asked for again; the last ones may not have been written yet.
    const atMost = body.length - Math.max(0, Math.floor(stage / blockBytes) - 2) * blockBytes
    assert.ok(sent <= atMost, `after ${stage} bytes another ${sent} were sent`)
    if (stage >= 3 * blockBytes) assert.match(asked.at(-1) ?? '', /^bytes=\d{6,}-/)
    await isKept(heir)
    await heir.end('SIGKILL')
  }
})

async function isKept(cache: CacheChild): Promise<void> {
  await until('it is kept', async () => (await ask(cache.port, deb)).headers['x-cache'] === 'hit')
  assert.equal(sha256((await ask(cache.port, deb)).body), sha256(body))
}

function send(res: ServerResponse, part: Buffer, whole: boolean): void {
  if (whole) res.end(part)
  else res.write(part)
}
