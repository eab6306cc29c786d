import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { linesOf } from '../../../../src/elastic/simulate/traces/lines.ts'

let folder = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'causeway-lines-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

describe('linesOf', () => {
  it('gives lines whole, however they fall on the chunks of a file', async () => {
    // Chunks are 64 KiB: lines shorter, longer and much longer, with characters of several bytes across the seams.
    const lines = [10, 65_535, 0, 65_536, 3, 500_000, 1].map((length, i) => 'ä€x😀'.repeat(length / 4) + String(i))
    for (const end of ['', '\n', '\r\n']) {
      const text = lines.join(end === '\r\n' ? end : '\n') + end
      for (const name of ['plain', 'packed.gz']) {
        const path = join(folder, name)
        writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text)
        const read: string[] = []
        for await (const line of linesOf(path)) read.push(line)
        assert.deepEqual(read, lines)
      }
    }
  })

  it('closes the file when nobody wants the rest', async () => {
    for (const name of ['long', 'long.gz']) {
      const path = join(folder, name)
      const text = 'line\n'.repeat(100_000)
      writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text)
      for await (const line of linesOf(path)) {
        assert.equal(line, 'line')
        // The packed one is so short that all of it is read at once.
        if (name === 'long') assert.ok(isOpen(path))
        break
      }
      const deadline = Date.now() + 120_000
      while (isOpen(path) && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve))
      assert.ok(!isOpen(path), `${name} is still open`)
    }
  })
})

/** Whether this process has the file open. */
function isOpen(path: string): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      // The descriptor of this very listing is gone by now.
      return false
    }
  })
}
