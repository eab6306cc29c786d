import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '../../../src/base/log.ts'
import { AccessLog, type AccessRecord } from '../../../src/cache/watch/access-log.ts'
import { atEnd } from '../cleanup.ts'

test('each record is a line of JSON, whatever is in it, in order and none lost', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'causeway-log-'))
  atEnd(t, () => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'log', 'access.log')
  const log = await AccessLog.open(file, silentLog)
  const startMs = Date.UTC(2026, 0, 31, 23, 59, 58, 998)
  const records = Array.from({ length: 3000 }, (_, at): AccessRecord => {
    // Now and then one that is as long as a request can be, and needs escapes and more bytes than characters.
    const url = at % 300 === 0 ? `/"\\${'\u00e9\u20ac'.repeat(6000)}` : `http://mirror.lab/${at}`
    const origin = at % 7 === 0 ? null : 'mirror.lab'
    const timeMs = startMs + at * 7
    return { timeMs, client: '::1', method: 'GET', url, origin, status: 200, outcome: 'hit', bytes: at, ms: at % 5 }
  })
  for (const record of records) log.write(record)
  await log.close()
  const lines = (await readFile(file, 'utf8')).split('\n')
  assert.equal(lines.pop(), '')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    records.map(({ timeMs, ...rest }) => ({ time: new Date(timeMs).toISOString(), ...rest })),
  )
})
