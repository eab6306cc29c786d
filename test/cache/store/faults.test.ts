import assert from 'node:assert/strict'
import { existsSync, readdirSync, readlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import type { CacheDatabase, Statement } from '../../../src/cache/database.ts'
import { Layout } from '../../../src/cache/store/layout.ts'
import { sha256 } from '../origin.ts'
import { bodiesIn, scratchFolder } from '../start.ts'
import { watchDisk } from './disk-calls.ts'
import { bytesFor, found, headOf, keep } from './helpers.ts'
import { type OpenStore, openStore } from './open-store.ts'

/** More than a life takes. */
const quota = 6_000_000

const one = bytesFor('one', 5000)
const middle = bytesFor('middle', 200_000)
const large = bytesFor('large', 900_000)
const other = bytesFor('other', 700_000)

/** Counts steps, and has one of them fail. */
class Fault {
  left = Number.POSITIVE_INFINITY
  hit = ''

  /** @returns Whether this step is the one. */
  step(what: string): boolean {
    this.left -= 1
    if (this.left === 0) this.hit = what
    return this.left === 0
  }
}

/** A life of a store in which anything may fail. What it took in or took away is in `may`, by key: what may be found in the end. */
async function live({ store }: OpenStore): Promise<Map<string, (Buffer | undefined)[]>> {
  const may = new Map<string, (Buffer | undefined)[]>()
  const step = async (key: string, becomes: Buffer | undefined, work: () => Promise<unknown>) => {
    const before = may.get(key) ?? [undefined]
    try {
      await work()
      may.set(key, [becomes])
    } catch {
      may.set(key, [...before, becomes])
    }
  }
  await step('small', one, () => keep(store, one, { key: 'small' }))
  await step('large', large, () => keep(store, large, { key: 'large' }))
  await step('large', other, () => keep(store, other, { key: 'large' }))
  await step('unknown', middle, () => keep(store, middle, { key: 'unknown', length: undefined }))
  await step('twin', middle, () => keep(store, middle, { key: 'twin' }))
  await step('broken', undefined, () => breakOff(store))
  await step('broken', large, () => goOn(store))
  await step('twin', undefined, () => store.remove('twin'))
  await step('unknown', undefined, () => store.remove('unknown'))
  return may
}

async function breakOff(store: OpenStore['store']): Promise<void> {
  const incoming = await store.begin(headOf({ key: 'broken', length: large.length }))
  try {
    await incoming.write(large.subarray(0, 300_000), 0)
    await incoming.suspend()
  } finally {
    await incoming.close()
  }
}

async function goOn(store: OpenStore['store']): Promise<void> {
  const rest = await store.resume('broken')
  if (!rest) throw new Error('nothing was left')
  try {
    const [have] = rest.present
    const from = have?.end ?? 0
    await rest.write(large.subarray(from), from)
    await rest.commit({ length: large.length, validatedAtMs: 1, fetchMs: 1 })
  } finally {
    await rest.close()
  }
}

/** After all that, with a disk that is well again: it holds what it may, no byte is lost or counted twice, and it works. */
async function check(t: TestContext, opened: OpenStore, may: Map<string, (Buffer | undefined)[]>, hit: string) {
  const { store, folder } = opened
  for (const [key, contents] of may) {
    const body = await found(store, key)
    const right = contents.some((content) => (content === undefined ? body === undefined : body?.equals(content)))
    assert.ok(right, `${hit}: ${key}: ${body?.length}`)
  }
  await keep(store, middle, { key: 'after' })
  assert.ok((await found(store, 'after'))?.equals(middle))
  const { bytes, partialBytes } = await store.usage()
  if (partialBytes > 0) {
    const broken = await store.resume('broken')
    assert.equal(broken?.present[0]?.end, partialBytes)
    await broken?.suspend()
    await broken?.close()
  }
  // All that is not taken can be promised, so nothing was lost; and no more than that.
  const rest = await store.begin(headOf({ key: 'rest', length: quota - bytes - partialBytes }))
  assert.equal((await store.usage()).evictedBytes, 0)
  await rest.close()
  const kept = () => new Set(store.list({}).map(({ sha256 }) => sha256)).size
  const partials = () => readdirSync(join(folder, 'partial')).filter((name) => !name.endsWith('.sums')).length
  if (!hit.startsWith('unlink'))
    assert.deepEqual([await bodiesIn(folder), partials()], [kept(), partialBytes > 0 ? 1 : 0])
  await opened.close()
  assert.deepEqual(openIn(folder), [])
  const heir = await openStore(t, folder)
  assert.equal(await bodiesIn(folder), new Set(heir.store.list({}).map(({ sha256 }) => sha256)).size)
  assert.ok((await found(heir.store, 'after'))?.equals(middle))
  await heir.close()
}

/** What this process has open below a folder. */
function openIn(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(`${folder}/`) ? [path] : []
    } catch {
      // It was the listing's own.
      return []
    }
  })
}

/** In memory: there are many lives, and closing a database waits for the disk. */
function shared(t: TestContext): Promise<string> {
  return scratchFolder(t, existsSync('/dev/shm') ? '/dev/shm' : undefined)
}

test('whichever call to the disk fails, nothing wrong is kept, nothing is left over and the store goes on', async (t) => {
  const fault = new Fault()
  const failure = () => Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  watchDisk(t, {
    before: (name, path) => {
      if (fault.step(`${name} ${path}`)) throw failure()
      return undefined
    },
  })
  const hits = await failOneByOne(t, fault)
  assert.ok(hits.length > 20, `${hits.length} calls`)
})

/** Lets each step of a store's life fail in turn, and looks at what became of it; which steps these were. */
async function failOneByOne(
  t: TestContext,
  fault: Fault,
  between?: (database: CacheDatabase) => CacheDatabase,
): Promise<string[]> {
  const hits: string[] = []
  for (let nth = 1; ; nth += 1) {
    const opened = await openStore(t, await shared(t), { quota, ...(between ? { between } : {}) })
    Object.assign(fault, { left: nth, hit: '' })
    const may = await live(opened)
    fault.left = Number.POSITIVE_INFINITY
    if (fault.hit === '') return hits
    hits.push(fault.hit)
    await check(t, opened, may, fault.hit)
  }
}

/** A database whose statements and commits fail when the fault says so; or only those that write. */
function faulty(real: CacheDatabase, fault: Fault, writes = false): CacheDatabase {
  const fail = (what: string) => {
    if (fault.step(what)) throw new Database.SqliteError('database or disk is full', 'SQLITE_FULL')
  }
  const prepare = (sql: string) => {
    const statement = real.prepare(sql)
    const each =
      (name: 'get' | 'all' | 'run') =>
      (...values: unknown[]) => {
        if (!writes || name === 'run') fail(sql)
        return statement[name](...values)
      }
    return { get: each('get'), all: each('all'), run: each('run') } as unknown as Statement
  }
  const transaction = (work: () => unknown) => () =>
    real.transaction(() => {
      const result = work()
      fail('COMMIT')
      return result
    })()
  return { prepare, transaction } as unknown as CacheDatabase
}

test('whichever statement or commit fails, nothing wrong is kept, nothing is left over and the store goes on', async (t) => {
  const fault = new Fault()
  const hits = await failOneByOne(t, fault, (database) => faulty(database, fault))
  assert.ok(hits.length > 20, `${hits.length} statements`)
})

test('whichever change of rows fails at the start, the store opens with what it has, and the next start mends it', async (t) => {
  const fault = new Fault()
  const hits: string[] = []
  for (let nth = 1; ; nth += 1) {
    const folder = await shared(t)
    const before = await openStore(t, folder, { quota })
    for (const [key, body] of Object.entries({ one, middle, large })) await keep(before.store, body, { key })
    await breakOff(before.store)
    await before.close()
    unlinkSync(new Layout(folder).body(sha256(middle)))
    Object.assign(fault, { left: nth, hit: '' })
    const opened = await openStore(t, folder, { quota, between: (database) => faulty(database, fault, true) })
    fault.left = Number.POSITIVE_INFINITY
    for (const [key, body] of Object.entries({ one, large })) assert.ok((await found(opened.store, key))?.equals(body))
    assert.equal(await found(opened.store, 'middle'), undefined)
    await opened.close()
    const heir = await openStore(t, folder, { quota })
    assert.deepEqual([heir.store.list({}).map(({ key }) => key), heir.events], [['large', 'one'], []])
    await goOn(heir.store)
    await heir.close()
    if (fault.hit === '') break
    hits.push(fault.hit)
  }
  assert.ok(hits.length > 4, `${hits.length} changes`)
})
