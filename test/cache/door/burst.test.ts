import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startChild } from '../child.ts'
import { atEnd } from '../cleanup.ts'
import { bytesFor, startOrigin } from '../origin.ts'
import { scratchFolder } from '../start.ts'

const clients = 10_000

/** Both this process and the cache need a descriptor for each connection. */
function raiseFileLimit(): void {
  const wanted = String(clients + 2000)
  execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${wanted}:${wanted}`])
}

/** Asks on a connection of its own and compares what comes with what it should be; undefined when all is well. */
function askFor(port: number, path: string, body: Buffer): Promise<string | undefined> {
  return new Promise((resolve) => {
    let head = ''
    let at = -1
    let wrong: string | undefined
    const socket = connect(port, '127.0.0.1')
    const end = (said: string | undefined) => {
      wrong ??= said
      socket.destroy()
    }
    socket.on('error', (error) => end(error.message))
    socket.on('close', () => resolve(wrong ?? (at === body.length ? undefined : `closed after ${at} bytes`)))
    socket.on('data', (chunk: Buffer) => {
      let part = chunk
      if (at === -1) {
        head += chunk.toString('latin1')
        const headEnd = head.indexOf('\r\n\r\n')
        if (headEnd === -1) return
        if (!head.startsWith('HTTP/1.1 200 ')) return end(head.slice(-300))
        part = chunk.subarray(chunk.length - (head.length - headEnd - 4))
        at = 0
      }
      if (part.compare(body, at, at + part.length) !== 0) return end(`other bytes than the origin's after ${at}`)
      at += part.length
      if (at === body.length) end(undefined)
    })
    socket.write(`GET ${path} HTTP/1.1\r\nHost: mirror.lab\r\n\r\n`)
  })
}

/** The most memory that a process has had at a time, in bytes. */
async function peakBytes(pid: number): Promise<number> {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}

async function startBoth(t: TestContext, bodies: Readonly<Record<string, Buffer>>) {
  raiseFileLimit()
  const folder = await scratchFolder(t)
  const origin = await startOrigin((req, res) => res.end(bodies[req.url ?? '']))
  atEnd(t, () => origin.close())
  const config = join(folder, 'cache.yaml')
  await writeFile(
    config,
    `listen: 127.0.0.1:0\nstore: ${folder}/store\norigins: { mirror.lab: { address: 127.0.0.1, port: ${origin.port} } }\n`,
  )
  return { origin, cache: await startChild(t, config) }
}

test('10,000 clients at once get what they ask for, from one fetch of each file, in bounded memory', async (t) => {
  const small = bytesFor('small', 20_000)
  const large = bytesFor('large', 200_000)
  const { origin, cache } = await startBoth(t, { '/small_1_all.deb': small, '/large_1_all.deb': large })
  for (const [path, body, count] of [
    ['/small_1_all.deb', small, clients],
    ['/large_1_all.deb', large, clients],
    ['/large_1_all.deb', large, 2_000],
  ] as const) {
    const answers = await Promise.all(Array.from({ length: count }, () => askFor(cache.port, path, body)))
    assert.deepEqual(answers.filter((wrong) => wrong !== undefined).slice(0, 3), [])
  }
  assert.equal(origin.requests.length, 2)
  const peak = await peakBytes(cache.pid)
  t.diagnostic(`at most ${Math.round(peak / 1e6)} MB for ${clients} clients`)
  // A buffer for each would be 2.6 GB.
  assert.ok(peak < 800e6, `${Math.round(peak / 1e6)} MB`)
})
