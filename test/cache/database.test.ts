import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { habitTables } from '../../src/cache/ahead/habit-store.ts'
import { type CacheDatabase, layout, markDamaged, openDatabase } from '../../src/cache/database.ts'
import { snapshotTables } from '../../src/cache/snapshots/tables.ts'
import { storeTables } from '../../src/cache/store/tables.ts'
import { atEnd } from './cleanup.ts'
import { sha256 } from './origin.ts'
import { scratchFolder } from './start.ts'

const tables = ['CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY, said TEXT)']

/** Opened as the cache does it; `aside` tells why what was there was put aside. */
function open(t: TestContext, folder: string): { database: CacheDatabase; aside: string[] } {
  const aside: string[] = []
  const database = openDatabase(folder, tables, (reason) => aside.push((reason as Error).message))
  atEnd(t, () => database.close())
  return { database, aside }
}

test('a change of the tables is a change of the layout', () => {
  const text = [storeTables, snapshotTables, habitTables].join('\n').replaceAll(/\s+/g, ' ')
  // When this fails, count `layout` up in database.ts, and put here what it says then.
  assert.deepEqual([layout, sha256(Buffer.from(text)).slice(0, 12)], [2, 'ae56c9d4ca5d'])
})

test('a page that went bad while nobody had the database open is found at the next start', async (t) => {
  const folder = await scratchFolder(t)
  const first = open(t, folder)
  const insert = first.database.prepare('INSERT INTO words VALUES (?, ?)')
  first.database.transaction(() => {
    for (let index = 0; index < 1000; index += 1) insert.run(`word ${index}`, 'said '.repeat(20))
  })()
  first.database.close()
  assert.equal(existsSync(join(folder, 'cache.db-wal')), false, 'it was closed as it should')
  const bytes = readFileSync(join(folder, 'cache.db'))
  bytes.fill(0xa5, 8 * 4096, 9 * 4096)
  writeFileSync(join(folder, 'cache.db'), bytes)
  const second = open(t, folder)
  assert.deepEqual(second.aside, ['it is damaged'])
  assert.equal(second.database.prepare('SELECT count(*) FROM words').pluck().get(), 0)
})

/** Another process that has the database open; resolves once it does. */
async function holder(t: TestContext, folder: string): Promise<void> {
  const source = new URL('../../src/cache/database.ts', import.meta.url).href
  const script = `import { openDatabase } from ${JSON.stringify(source)}
    const database = openDatabase(process.argv[1], ${JSON.stringify(tables)})
    process.stdout.write('open')
    process.stdin.on('end', () => database.close()).resume()`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  atEnd(t, async () => {
    child.stdin.end()
    await ended
  })
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve)
    child.once('close', () => reject(new Error('it did not open')))
  })
}

test('what another process has is not put aside, however damaged it was found', async (t) => {
  const folder = await scratchFolder(t)
  await holder(t, folder)
  markDamaged(folder)
  assert.throws(() => open(t, folder), { code: 'Conflict', message: /another process uses/ })
  assert.equal(existsSync(join(folder, 'cache.db.aside')), false)
})
