import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { unpacked } from '../../../src/cache/formats/unpack.ts'
import { scratchFolder, until } from '../start.ts'
import { collect, inPieces, tool } from './samples.ts'

async function packings(folder: string, body: Buffer): Promise<Record<string, Buffer>> {
  const file = join(folder, 'body')
  await writeFile(file, body)
  return {
    gzip: gzipSync(body),
    zstd: zstdCompressSync(body),
    xz: await tool(folder, ['xz', '--stdout', '-1', file]),
    lzma: await tool(folder, ['xz', '--format=lzma', '--stdout', '-1', file]),
    bzip2: await tool(folder, ['bzip2', '--stdout', file]),
  }
}

test('each packing gives back what was packed, in whatever pieces it comes', async (t) => {
  const body = Buffer.from(Array.from({ length: 5000 }, (_, index) => `line ${index}\n`).join(''))
  const all = await packings(await scratchFolder(t), body)
  for (const [name, packed] of [...Object.entries(all), ['none', body] as const]) {
    for (const length of [1, 4096, 1_000_000]) {
      if (length === 1 && packed.length > 20_000) continue
      assert.ok(Buffer.concat(await collect(unpacked(inPieces(packed, length)))).equals(body), `${name} by ${length}`)
    }
  }
  for (const short of ['', 'x', '\x1f']) {
    const pieces = inPieces(Buffer.from(short, 'latin1'))
    assert.equal(Buffer.concat(await collect(unpacked(pieces))).toString('latin1'), short)
  }
  // Members one after the other, as Alpine has them.
  const members = Buffer.concat([gzipSync('one'), gzipSync('two')])
  assert.equal(Buffer.concat(await collect(unpacked(inPieces(members, 5)))).toString(), 'onetwo')
})

test('a bomb is broken off where the limit is', async (t) => {
  const all = await packings(await scratchFolder(t), Buffer.alloc(20_000_000))
  for (const [name, packed] of Object.entries(all)) {
    let bytes = 0
    const defused = async () => {
      for await (const piece of unpacked(inPieces(packed), 1_000_000)) bytes += piece.length
    }
    await assert.rejects(defused, { code: 'MalformedOutput' }, name)
    assert.ok(bytes <= 1_000_000, name)
  }
})

test('what is cut or damaged is refused, never taken for a shorter one', async (t) => {
  const body = Buffer.from(Array.from({ length: 20_000 }, (_, index) => `line ${index * 7919}\n`).join(''))
  const all = await packings(await scratchFolder(t), body)
  for (const [name, packed] of Object.entries(all)) {
    const cut = inPieces(packed.subarray(0, packed.length - 20))
    await assert.rejects(collect(unpacked(cut)), { code: 'MalformedOutput' }, `${name} cut`)
    // The old format and zstd without a checksum can't tell.
    if (name === 'lzma' || name === 'zstd') continue
    const damaged = Buffer.from(packed)
    const middle = packed.length >> 1
    damaged.writeUInt8(damaged.readUInt8(middle) ^ 0x10, middle)
    await assert.rejects(collect(unpacked(inPieces(damaged))), { code: 'MalformedOutput' }, `${name} damaged`)
  }
})

test('how reading fails is told as it is, and a reader that stops stops what it reads', async (t) => {
  const all = await packings(await scratchFolder(t), Buffer.alloc(5_000_000, 'text '))
  for (const [name, packed] of Object.entries(all)) {
    const failure = new Error('the disk is gone')
    const failing = async function* () {
      yield packed.subarray(0, 500)
      throw failure
    }
    await assert.rejects(collect(unpacked(failing())), failure, name)
    let ended = false
    const watched = async function* () {
      try {
        for (;;) yield packed
      } finally {
        ended = true
      }
    }
    for await (const piece of unpacked(watched())) if (piece.length > 0) break
    await until(`what ${name} reads is ended`, () => ended)
  }
})
