import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Incoming } from '../../../src/cache/store/port.ts'
import { sha256 } from '../origin.ts'
import { bodiesIn, scratchFolder } from '../start.ts'
import { bodyOf, bytesFor, headOf } from './helpers.ts'
import { type OpenStore, openStore } from './open-store.ts'

/** Few keys and few contents, so that they meet. */
const anyKey = fc.constantFrom('k1', 'k2', 'k3')
const content = fc.record({
  name: fc.constantFrom('p', 'q'),
  length: fc.constantFrom(0, 900, 65_537, 300_000, 600_000),
})

type Content = { readonly name: string; readonly length: number }

type Step =
  | { readonly do: 'keep'; readonly key: string; readonly content: Content }
  | { readonly do: 'break off'; readonly key: string; readonly content: Content; readonly share: number }
  | { readonly do: 'go on'; readonly key: string }
  | { readonly do: 'begin'; readonly key: string; readonly content: Content }
  | { readonly do: 'remove'; readonly key: string }
  | { readonly do: 'touch'; readonly key: string; readonly atMs: number }
  | { readonly do: 'link'; readonly key: string; readonly to: string }
  | { readonly do: 'open'; readonly key: string }
  | { readonly do: 'pin'; readonly key: string }
  | { readonly do: 'purge' }
  | { readonly do: 'restart' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('keep' as const), key: anyKey, content }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('break off' as const),
      key: anyKey,
      content,
      share: fc.double({ min: 0, max: 0.99, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('go on' as const), key: anyKey }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('begin' as const), key: anyKey, content }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), key: anyKey }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('touch' as const), key: anyKey, atMs: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('link' as const), key: anyKey, to: anyKey }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('open' as const), key: anyKey }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pin' as const), key: anyKey }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)

function bytesOf({ name, length }: Content): Buffer {
  return bytesFor(name, length)
}

/** What a store should hold, as plainly as can be. */
class Model {
  readonly kept = new Map<string, { content: Content; validatedAtMs: number }>()
  readonly last = new Map<string, string>()
  readonly partial = new Map<string, { content: Content; bytes: number }>()
  readonly pinned = new Set<string>()

  keep(key: string, content: Content, validatedAtMs: number): void {
    this.kept.set(key, { content, validatedAtMs })
    this.last.set(key, sha256(bytesOf(content)))
  }
}

test('whatever is done with a store, and however often it is opened again, it holds what it should', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const folder = await scratchFolder(t)
      let opened = await openStore(t, folder)
      const model = new Model()
      const readers: { stored: Awaited<ReturnType<OpenStore['store']['find']>>; body: Buffer }[] = []
      const begun: Incoming[] = []
      for (const [index, each] of steps.entries()) {
        if (each.do === 'restart') {
          for (const { stored, body } of readers.splice(0)) assert.ok((await bodyOf(stored))?.equals(body))
          for (const incoming of begun.splice(0)) await incoming.close()
          await opened.close()
          opened = await openStore(t, folder)
        } else await take(opened.store, model, each, index, readers, begun)
        await compare(opened, model)
      }
      for (const { stored, body } of readers) assert.ok((await bodyOf(stored))?.equals(body), 'an open body stays')
      for (const incoming of begun) await incoming.close()
      await opened.close()
    }),
    { numRuns: 40 },
  )
})

async function take(
  store: OpenStore['store'],
  model: Model,
  each: Exclude<Step, { do: 'restart' }>,
  atMs: number,
  readers: { stored: Awaited<ReturnType<OpenStore['store']['find']>>; body: Buffer }[],
  begun: Incoming[],
): Promise<void> {
  if (each.do === 'keep') {
    const body = bytesOf(each.content)
    const incoming = await store.begin(headOf({ key: each.key, length: body.length }))
    await incoming.write(body, 0)
    await incoming.commit({ length: body.length, validatedAtMs: atMs, fetchMs: 1 })
    await incoming.close()
    model.partial.delete(each.key)
    model.keep(each.key, each.content, atMs)
  } else if (each.do === 'break off') {
    const body = bytesOf(each.content)
    const bytes = Math.floor(body.length * each.share)
    const incoming = await store.begin(headOf({ key: each.key, length: body.length }))
    await incoming.write(body.subarray(0, bytes), 0)
    await incoming.suspend()
    await incoming.close()
    model.partial.delete(each.key)
    // What is small is not worth going on with.
    if (bytes > 0 && body.length > 256 * 1024) model.partial.set(each.key, { content: each.content, bytes })
  } else if (each.do === 'go on') {
    const incoming = await store.resume(each.key)
    const partial = model.partial.get(each.key)
    assert.equal(incoming !== undefined, partial !== undefined)
    if (!incoming || !partial) return
    const body = bytesOf(partial.content)
    assert.deepEqual(incoming.present, [{ start: 0, end: partial.bytes }])
    await incoming.write(body.subarray(partial.bytes), partial.bytes)
    await incoming.commit({ length: body.length, validatedAtMs: atMs, fetchMs: 1 })
    await incoming.close()
    model.partial.delete(each.key)
    model.keep(each.key, partial.content, atMs)
  } else if (each.do === 'begin') {
    const body = bytesOf(each.content)
    const incoming = await store.begin(headOf({ key: each.key, headers: {}, length: body.length }))
    await incoming.write(body.subarray(0, body.length / 2), 0)
    begun.push(incoming)
    model.partial.delete(each.key)
  } else if (each.do === 'remove') {
    await store.remove(each.key)
    model.kept.delete(each.key)
  } else if (each.do === 'touch') {
    await store.touch(each.key, { etag: '"one"' }, each.atMs)
    const kept = model.kept.get(each.key)
    if (kept) kept.validatedAtMs = each.atMs
  } else if (each.do === 'link') {
    const kept = model.kept.get(each.key)
    const digest = kept ? sha256(bytesOf(kept.content)) : 'f'.repeat(64)
    const linked = { key: each.to, status: 200, headers: { etag: '"one"' }, validatedAtMs: atMs }
    assert.equal(await store.link(digest, linked), kept !== undefined)
    if (kept) model.keep(each.to, kept.content, atMs)
  } else if (each.do === 'open') {
    const stored = await store.find(each.key)
    const kept = model.kept.get(each.key)
    if (stored && kept) readers.push({ stored, body: bytesOf(kept.content) })
  } else if (each.do === 'pin') {
    model.pinned.clear()
    model.pinned.add(each.key)
    store.pin('one', [each.key])
  } else {
    for (const key of model.kept.keys()) if (!model.pinned.has(key)) model.kept.delete(key)
    await store.purge({})
  }
}

async function compare({ store, folder, events }: OpenStore, model: Model): Promise<void> {
  const wanted = [...model.kept]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { content, validatedAtMs }]) => ({
      key,
      sha256: sha256(bytesOf(content)),
      length: content.length,
      validatedAtMs,
      pins: model.pinned.has(key) ? ['one'] : [],
    }))
  const listed = store
    .list({})
    .map(({ key, sha256, length, validatedAtMs, pins }) => ({ key, sha256, length, validatedAtMs, pins }))
  assert.deepEqual(listed, wanted)
  for (const key of ['k1', 'k2', 'k3']) {
    const stored = store.peek(key) ?? (await store.find(key))
    const kept = model.kept.get(key)
    assert.equal(stored?.validatedAtMs, kept?.validatedAtMs)
    const body = await bodyOf(stored)
    assert.ok(kept ? body?.equals(bytesOf(kept.content)) : body === undefined)
    assert.equal(store.lastDigest(key), model.last.get(key))
  }
  const bodies = new Map(wanted.map(({ sha256, length }) => [sha256, length]))
  const { responses, bytes, partialBytes } = await store.usage()
  assert.deepEqual([responses, bytes], [wanted.length, [...bodies.values()].reduce((sum, length) => sum + length, 0)])
  const broken = [...model.partial.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  // After a restart the file system says how much a file takes, in its own blocks.
  assert.ok(partialBytes >= broken && partialBytes <= broken + model.partial.size * 8192)
  assert.equal(await bodiesIn(folder), bodies.size, 'no file without a row, no row without a file')
  assert.deepEqual(events, [])
}
