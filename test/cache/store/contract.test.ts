import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import * as fc from 'fast-check'
import type { Store } from '../../../src/cache/store/port.ts'
import { digestAlgorithms } from '../../../src/cache/verify/expected.ts'
import { MemoryStore } from '../memory-store.ts'
import { sha256 } from '../origin.ts'
import { scratchFolder } from '../start.ts'
import { bodyOf, bytesFor, found, headOf, keep, key } from './helpers.ts'
import { openStore } from './open-store.ts'

/** Every store there is; each must pass every test below. */
const stores: Readonly<Record<string, (t: TestContext) => Promise<Store>>> = {
  'on disk': async (t) => (await openStore(t, await scratchFolder(t))).store,
  'in memory': () => Promise.resolve(new MemoryStore()),
}

const other = 'http://mirror.lab/y'
const completion = { validatedAtMs: 1000, fetchMs: 10 }

for (const [name, open] of Object.entries(stores)) {
  for (const length of [0, 1, 1000, 65_536, 65_537, 262_144, 262_145, 1_000_000]) {
    test(`store ${name}: a body of ${length} bytes is found once it is committed, with what is known of it`, async (t) => {
      const store = await open(t)
      const body = bytesFor('one', length)
      const incoming = await store.begin(headOf({ headers: { etag: '"ü"' }, length }))
      assert.deepEqual(incoming.present, [])
      await incoming.write(body.subarray(0, 700), 0)
      if (length > 700) await incoming.write(body.subarray(700), 700)
      assert.equal(await store.find(key), undefined)
      const kept = await incoming.commit({ length, ...completion })
      await incoming.close()
      const is = { key, status: 200, headers: { etag: '"ü"' }, length, sha256: sha256(body), validatedAtMs: 1000 }
      assert.deepEqual(kept, is)
      const stored = await store.find(key)
      for (const [name, value] of Object.entries(is)) assert.deepEqual(stored?.[name as keyof typeof is], value, name)
      assert.equal(await stored?.read(Buffer.alloc(9), length + 5), 0)
      assert.deepEqual(await bodyOf(stored), body)
      assert.equal(await store.find(`${key}?`), undefined)
      const { responses, bytes } = await store.usage()
      assert.deepEqual([responses, bytes], [1, length])
    })
  }

  test(`store ${name}: a small body is at hand at once`, async (t) => {
    const store = await open(t)
    await keep(store, Buffer.from('small'))
    assert.equal(store.peek(key)?.body?.toString(), 'small')
    assert.equal(store.peek(other), undefined)
  })

  test(`store ${name}: whatever order bytes come in, and wherever they are read from, they are the body's`, async (t) => {
    const store = await open(t)
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 899_999 }), { maxLength: 12 })
    const reads = fc.array(fc.record({ position: fc.nat(900_100), bytes: fc.integer({ min: 1, max: 600_000 }) }))
    await fc.assert(
      fc.asyncProperty(cuts, fc.nat(), reads, fc.boolean(), async (cuts, seed, reads, known) => {
        const body = bytesFor(`${seed}`, 900_000)
        const edges = [0, ...cuts.toSorted((a, b) => a - b), body.length]
        const order = edges.slice(1).map((end, index) => ({ start: edges[index] as number, end }))
        order.sort((a, b) => ((a.start * 7919 + seed) % 1009) - ((b.start * 7919 + seed) % 1009))
        const incoming = await store.begin(headOf({ length: known ? body.length : undefined }))
        await Promise.all(order.map(({ start, end }) => incoming.write(body.subarray(start, end), start)))
        await incoming.commit({ length: body.length, ...completion })
        await incoming.close()
        const stored = await store.find(key)
        assert.equal(stored?.sha256, sha256(body))
        for (const { position, bytes } of reads) {
          const into = Buffer.alloc(bytes)
          const got = (await stored?.read(into, position)) ?? 0
          assert.ok(position >= body.length ? got === 0 : got > 0)
          assert.ok(into.subarray(0, got).equals(body.subarray(position, position + got)))
        }
        assert.ok((await bodyOf(stored))?.equals(body))
      }),
      { numRuns: 15 },
    )
  })

  for (const length of [1000, 500_000]) {
    test(`store ${name}: a body of ${length} bytes that is replaced stays whole for those who read it`, async (t) => {
      const store = await open(t)
      await keep(store, bytesFor('old', length))
      const old = await store.find(key)
      await keep(store, bytesFor('new', length + 1))
      assert.deepEqual(await found(store), bytesFor('new', length + 1))
      assert.deepEqual(await bodyOf(old), bytesFor('old', length))
      assert.equal((await store.usage()).bytes, length + 1)
    })

    test(`store ${name}: a body of ${length} bytes can be confirmed, and removed`, async (t) => {
      const store = await open(t)
      await keep(store, bytesFor('one', length))
      await (await store.find(key))?.close()
      await store.touch(key, { etag: '"one"', date: 'later' }, 2000)
      const stored = await store.find(key)
      assert.deepEqual([stored?.validatedAtMs, stored?.headers], [2000, { etag: '"one"', date: 'later' }])
      assert.deepEqual(await bodyOf(stored), bytesFor('one', length))
      await store.remove(key)
      assert.deepEqual([store.peek(key), await store.find(key)], [undefined, undefined])
      await store.touch(key, {}, 3000)
      await store.remove(key)
      assert.equal(await store.find(key), undefined)
    })

    test(`store ${name}: one body of ${length} bytes under several keys is there once, until the last is gone`, async (t) => {
      const store = await open(t)
      const body = bytesFor('one', length)
      const { sha256 } = await keep(store, body)
      const linked = { key: other, status: 200, headers: { from: 'link' }, validatedAtMs: 5 }
      assert.equal(await store.link(sha256, linked), true)
      assert.equal(await store.link('0'.repeat(64), { ...linked, key: 'z' }), false)
      assert.equal(await store.find('z'), undefined)
      assert.equal((await store.usage()).bytes, length)
      assert.deepEqual(await found(store), body)
      const stored = await store.find(other)
      assert.deepEqual([stored?.key, stored?.headers, stored?.validatedAtMs], [other, { from: 'link' }, 5])
      assert.deepEqual(await bodyOf(stored), body)
      await keep(store, bytesFor('two', length))
      assert.ok((await found(store))?.equals(bytesFor('two', length)))
      await store.remove(key)
      assert.ok((await found(store, other))?.equals(body))
      await store.remove(other)
      assert.deepEqual([(await store.usage()).bytes, await store.link(sha256, linked)], [0, false])
    })
  }

  test(`store ${name}: what is missing, or is more than was said, can not be committed`, async (t) => {
    const store = await open(t)
    for (const length of [10, 300_000]) {
      for (const [start, end, said] of [
        [0, length - 1, length],
        [1, length, length],
        [0, length, length - 1],
      ] as const) {
        const incoming = await store.begin(headOf({ length }))
        await incoming.write(bytesFor('one', length).subarray(start, end), start)
        await assert.rejects(incoming.commit({ length: said, ...completion }))
        await incoming.close()
        assert.equal(await store.find(key), undefined)
      }
    }
  })

  test(`store ${name}: a byte that comes twice is refused`, async (t) => {
    const store = await open(t)
    for (const length of [1000, 300_000]) {
      const incoming = await store.begin(headOf({ length }))
      await incoming.write(Buffer.alloc(500), 0)
      await assert.rejects(incoming.write(Buffer.alloc(500), 499))
      await incoming.discard()
      await incoming.close()
    }
  })

  test(`store ${name}: what arrives can be read before it is complete, and after it was committed`, async (t) => {
    const store = await open(t)
    for (const length of [1000, 600_000]) {
      const body = bytesFor('one', length)
      const incoming = await store.begin(headOf({ length }))
      await incoming.write(body.subarray(0, length / 2), 0)
      const into = Buffer.alloc(length)
      const bytes = await incoming.read(into, 10)
      assert.ok(bytes > 0 && bytes <= length / 2 - 10)
      assert.ok(into.subarray(0, bytes).equals(body.subarray(10, 10 + bytes)))
      await incoming.write(body.subarray(length / 2), length / 2)
      await incoming.commit({ length, ...completion })
      const last = await incoming.read(into, length - 100)
      assert.ok(into.subarray(0, last).equals(body.subarray(length - 100)))
      await incoming.close()
    }
  })

  for (const algorithm of digestAlgorithms) {
    for (const length of [1000, 400_000]) {
      test(`store ${name}: a body of ${length} bytes is what its ${algorithm} says, or it is not kept`, async (t) => {
        const store = await open(t)
        const body = bytesFor('one', length)
        const digest = createHash(algorithm).update(body).digest('hex')
        const expected = { algorithm, digest, bytes: length }
        await keep(store, body, { expected })
        assert.deepEqual(await found(store), body)
        const lie = bytesFor('lie', length)
        await assert.rejects(keep(store, lie, { key: other, expected }), { code: 'DigestMismatch' })
        assert.equal(await store.find(other), undefined)
        assert.equal(await store.resume(other), undefined)
        assert.equal((await store.usage()).partialBytes, 0)
      })
    }
  }

  test(`store ${name}: what was broken off goes on where it was, once`, async (t) => {
    const store = await open(t)
    const body = bytesFor('one', 1_000_000)
    const first = await store.begin(headOf({ length: body.length }))
    await first.write(body.subarray(0, 300_000), 0)
    await first.write(body.subarray(524_288, 786_432), 524_288)
    await first.suspend()
    await first.close()
    assert.equal((await store.usage()).partialBytes, 562_144)
    const second = await store.resume(key)
    assert.ok(second)
    assert.deepEqual(second.head, headOf({ length: body.length }))
    assert.deepEqual(second.present, [
      { start: 0, end: 300_000 },
      { start: 524_288, end: 786_432 },
    ])
    assert.equal(await store.resume(key), undefined)
    await second.write(body.subarray(786_432), 786_432)
    await second.write(body.subarray(300_000, 524_288), 300_000)
    assert.equal((await second.commit({ length: body.length, ...completion })).sha256, sha256(body))
    await second.close()
    assert.ok((await found(store))?.equals(body))
    assert.equal(await store.resume(key), undefined)
    assert.equal((await store.usage()).partialBytes, 0)
  })

  test(`store ${name}: what was mixed is gone on with as something without validators, and kept with them`, async (t) => {
    const store = await open(t)
    const body = bytesFor('one', 1_000_000)
    const expected = { algorithm: 'sha256', digest: sha256(body), bytes: body.length } as const
    const headers = { etag: '"1"', 'last-modified': 'Sun, 22 Nov 2026 10:00:00 GMT', 'content-type': 'a/b' }
    const head = headOf({ headers, length: body.length, expected })
    const first = await store.begin(head)
    await first.mix()
    await first.write(body.subarray(0, 300_000), 0)
    await first.suspend()
    await first.close()
    const second = await store.resume(key)
    assert.deepEqual(second?.head, { ...head, headers: { 'content-type': 'a/b' } })
    await second?.discard()
    await second?.close()

    const third = await store.begin(head)
    await third.write(body.subarray(0, 300_000), 0)
    await third.mix()
    await third.write(body.subarray(300_000), 300_000)
    const kept = await third.commit({ length: body.length, ...completion })
    assert.deepEqual(kept.headers, headers)
    await third.close()
    assert.ok((await found(store))?.equals(body))
  })

  test(`store ${name}: what can't be told apart from another version is not gone on with`, async (t) => {
    const store = await open(t)
    for (const [headers, goesOn] of [
      [{ etag: '"strong"' }, true],
      [{ etag: 'W/"weak"' }, false],
      [{ 'last-modified': 'Sun, 22 Nov 2026 10:00:00 GMT', date: 'Mon, 23 Nov 2026 10:00:00 GMT' }, true],
      [{}, false],
    ] as const) {
      const incoming = await store.begin(headOf({ headers: { ...headers }, length: 500_000 }))
      await incoming.write(Buffer.alloc(400_000), 0)
      await incoming.suspend()
      await incoming.close()
      const resumed = await store.resume(key)
      assert.equal(resumed !== undefined, goesOn, JSON.stringify(headers))
      await resumed?.discard()
      await resumed?.close()
      assert.equal((await store.usage()).partialBytes, 0)
    }
  })

  test(`store ${name}: beginning anew gives up what was broken off`, async (t) => {
    const store = await open(t)
    const incoming = await store.begin(headOf({ length: 500_000 }))
    await incoming.write(Buffer.alloc(400_000), 0)
    await incoming.suspend()
    await incoming.close()
    await keep(store, Buffer.from('anew'))
    assert.equal(await store.resume(key), undefined)
    assert.equal((await store.usage()).partialBytes, 0)
  })

  test(`store ${name}: what was discarded, or left without an end, leaves nothing`, async (t) => {
    const store = await open(t)
    for (const length of [1000, 400_000]) {
      const discarded = await store.begin(headOf({ length }))
      await discarded.write(Buffer.alloc(length), 0)
      await discarded.discard()
      await discarded.close()
      assert.deepEqual([await store.find(key), await store.resume(key)], [undefined, undefined])
      const { responses, bytes, partialBytes } = await store.usage()
      assert.deepEqual([responses, bytes, partialBytes], [0, 0, 0])
    }
  })

  test(`store ${name}: the digest that a key had last is known after it has gone`, async (t) => {
    const store = await open(t)
    assert.equal(store.lastDigest(key), undefined)
    await keep(store, Buffer.from('one'))
    assert.equal(store.lastDigest(key), sha256(Buffer.from('one')))
    await keep(store, Buffer.from('two'))
    assert.equal(store.lastDigest(key), sha256(Buffer.from('two')))
    await store.remove(key)
    assert.equal(store.lastDigest(key), sha256(Buffer.from('two')))
    await keep(store, Buffer.from('three'))
    assert.equal(store.lastDigest(key), sha256(Buffer.from('three')))
  })

  test(`store ${name}: what is selected is listed, purged unless it is pinned, and found whole`, async (t) => {
    const store = await open(t)
    for (const each of ['a/1', 'a/2', 'ab', 'b']) await keep(store, bytesFor(each, 100), { key: each })
    const keys = (selection: object) => store.list(selection).map(({ key }) => key)
    assert.deepEqual(keys({}), ['a/1', 'a/2', 'ab', 'b'])
    assert.deepEqual(keys({ prefix: 'a/' }), ['a/1', 'a/2'])
    assert.deepEqual(keys({ prefix: 'a', limit: 2 }), ['a/1', 'a/2'])
    assert.deepEqual(keys({ prefix: '%' }), [])
    assert.deepEqual([...store.each({ prefix: 'a/' })], store.list({ prefix: 'a/' }))

    store.pin('cluster', ['a/1', 'b', 'later'])
    store.pin('other', ['b'])
    assert.deepEqual(store.list({ prefix: 'b' })[0]?.pins.toSorted(), ['cluster', 'other'])
    store.pin('other', ['ab'])
    assert.deepEqual(
      store.list({}).map(({ pins }) => pins),
      [['cluster'], [], ['other'], ['cluster']],
    )
    const told: number[] = []
    const verified = await store.verify({ prefix: 'a' }, ({ responses }) => told.push(responses))
    assert.deepEqual(verified, { responses: 3, bytes: 300, damaged: [] })

    assert.deepEqual(await store.purge({ prefix: 'a' }), { removed: 1, pinned: 2 })
    assert.deepEqual(keys({}), ['a/1', 'ab', 'b'])
    store.unpin('other')
    assert.deepEqual(await store.purge({}), { removed: 1, pinned: 2 })
    store.unpin('cluster')
    assert.deepEqual(await store.purge({}), { removed: 2, pinned: 0 })
    assert.deepEqual([keys({}), (await store.usage()).bytes], [[], 0])
  })
}
