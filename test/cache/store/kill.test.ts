import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Layout } from '../../../src/cache/store/layout.ts'
import type { Store } from '../../../src/cache/store/port.ts'
import { sha256 } from '../origin.ts'
import { bodiesIn, scratchFolder } from '../start.ts'
import { watchDisk } from './disk-calls.ts'
import { bodyOf, bytesFor, found, headOf, keep } from './helpers.ts'
import { openStore } from './open-store.ts'

const contents = {
  small: bytesFor('small', 5000),
  middle: bytesFor('middle', 200_000),
  large: bytesFor('large', 900_000),
  large2: bytesFor('large2', 700_000),
  half: bytesFor('half', 800_000),
}

/** What may be found under a key once `done` steps are done: the one before a step, or the one after it. */
interface Progress {
  /** By key: contents that may be found; undefined for nothing. */
  readonly may: Map<string, readonly (Buffer | undefined)[]>
}

/** A life of a store, step by step; `progress` says at each moment what a crash may leave. */
async function live(store: Store, progress: Progress): Promise<void> {
  const become = async (key: string, content: Buffer | undefined, work: () => Promise<unknown>) => {
    const before = progress.may.get(key)?.at(-1)
    progress.may.set(key, [before, content])
    await work()
    progress.may.set(key, [content])
  }
  await become('small', contents.small, () => keep(store, contents.small, { key: 'small' }))
  await become('middle', contents.middle, () => keep(store, contents.middle, { key: 'middle' }))
  await become('large', contents.large, () => keep(store, contents.large, { key: 'large' }))
  await become('large', contents.large2, () => keep(store, contents.large2, { key: 'large' }))
  await become('unknown', contents.large, () => keep(store, contents.large, { key: 'unknown', length: undefined }))
  await become('small', contents.middle, () => keep(store, contents.middle, { key: 'small' }))

  const half = await store.begin(headOf({ key: 'half', length: contents.half.length }))
  await half.write(contents.half.subarray(0, 300_000), 0)
  await half.suspend()
  await half.close()
  const rest = await store.resume('half')
  assert.ok(rest)
  await become('half', contents.half, async () => {
    await rest.write(contents.half.subarray(300_000), 300_000)
    await rest.commit({ length: contents.half.length, validatedAtMs: 1, fetchMs: 1 })
    await rest.close()
  })
  await become('middle', undefined, () => store.remove('middle'))
  await become('unknown', undefined, () => store.remove('unknown'))
}

/** What tells one moment's folder from another's: names, sizes, and how far the database is. */
function stateOf(folder: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names
    .map((name) => (name.includes('.') || name.length > 20 ? `${name} ${sizeOf(join(folder, name))}` : ''))
    .join('\n')
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size
}

test('killed between any two calls to the disk, the store loses nothing complete and serves nothing incomplete', async (t) => {
  // In memory: the moments are many, and closing a database waits for the disk.
  const folder = await scratchFolder(t, existsSync('/dev/shm') ? '/dev/shm' : undefined)
  const home = join(folder, 'store')
  const { store, close } = await openStore(t, home)
  const progress: Progress = { may: new Map() }
  const moments: { readonly folder: string; readonly may: Progress['may'] }[] = []
  let last = ''
  const look = () => {
    const state = stateOf(home)
    if (state === last) return undefined
    last = state
    const copy = join(folder, `${moments.length}`)
    // Only the folders that hold something: there are many that don't.
    cpSync(home, copy, {
      recursive: true,
      filter: (from) => !/bodies\/[0-9a-f]{2}$/.test(from) || readdirSync(from).length > 0,
    })
    moments.push({ folder: copy, may: new Map(progress.may) })
    return undefined
  }
  watchDisk(t, { before: look, after: look })
  await live(store, progress)
  const count = moments.length
  await close()
  assert.ok(count > 40, `${count} moments`)

  let continued = 0
  for (const moment of moments.slice(0, count)) {
    const complete = existsSync(new Layout(moment.folder).body(sha256(contents.large)))
    const heir = await openStore(t, moment.folder)
    if (complete && moment.may.get('large')?.[0] === undefined) {
      assert.ok((await found(heir.store, 'large'))?.equals(contents.large), 'what was complete is finished')
    }
    for (const [key, may] of moment.may) {
      const body = await found(heir.store, key)
      assert.ok(
        may.some((content) => (content === undefined ? body === undefined : body?.equals(content))),
        `${key} in ${moment.folder}: ${body?.length}`,
      )
    }
    const rest = await heir.store.resume('half')
    for (const { start, end } of rest?.present ?? []) {
      const into = Buffer.alloc(end - start)
      for (let at = start; at < end; ) at += (await rest?.read(into.subarray(at - start), at)) ?? 0
      assert.ok(into.equals(contents.half.subarray(start, end)))
      continued += 1
    }
    await rest?.discard()
    await rest?.close()
    for (const each of heir.store.list({}))
      assert.equal((await bodyOf(await heir.store.find(each.key)))?.length, each.length)
    const listed = new Map(heir.store.list({}).map(({ sha256, length }) => [sha256, length]))
    assert.equal(await bodiesIn(moment.folder), listed.size, 'no file without a row')
    const { bytes, partialBytes } = await heir.store.usage()
    assert.deepEqual([bytes, partialBytes >= 0], [[...listed.values()].reduce((sum, length) => sum + length, 0), true])
    assert.deepEqual(heir.events, [], moment.folder)
    for (const key of heir.store.list({}).map(({ key }) => key)) await heir.store.remove(key)
    for (const key of ['large', 'unknown', 'half']) await (await heir.store.resume(key))?.close()
    assert.deepEqual(readdirSync(join(moment.folder, 'partial')), [], 'nothing is left over')
    await heir.close()
    assert.equal(existsSync(join(moment.folder, 'cache.db-wal')), false)
  }
  assert.ok(continued > 3, `${continued} pieces were gone on with`)
})
