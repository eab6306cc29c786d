/** A store on a small disk of its own, in a process and mount namespace of its own. Prints what happened as JSON. */
import { writeFileSync } from 'node:fs'
import { statfs, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { openDatabase } from '../../../src/cache/database.ts'
import { DiskStore } from '../../../src/cache/store/disk-store.ts'
import { storeTables } from '../../../src/cache/store/tables.ts'
import { bytesFor, found, headOf, keep } from './helpers.ts'

const [folder = ''] = process.argv.slice(2)
let nowMs = 1_000_000
const clock = { now: () => nowMs, sleep: () => Promise.resolve() }
const events: string[] = []
const report = (code: string) => void events.push(code)
const home = join(folder, 'store')
const database = openDatabase(home, [storeTables])
const store = await DiskStore.open({ folder: home, database, clock, events: { report }, quota: undefined, keepFree: 0 })

/** How something went: the code of its failure, or `ok`. */
async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'ok'
  } catch (error) {
    return (error as { code: string }).code
  }
}

const filler = join(folder, 'filler')

/** Another program takes all that is free. */
async function fill(): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  for (let left = bavail * bsize, step = left; step >= 4096; ) {
    try {
      writeFileSync(filler, Buffer.alloc(step), { flag: 'a' })
      left -= step
    } catch {
      step = Math.floor(step / 2)
    }
  }
}

const kept = bytesFor('kept', 2_000_000)
await keep(store, kept, { key: 'kept' })
const reading = await store.find('kept')

// The disk fills up behind the store's back, in the middle of a body.
const incoming = await store.begin(headOf({ key: 'torn', length: 3_000_000 }))
await incoming.write(Buffer.alloc(500_000), 0)
await fill()
const writing = await outcome(incoming.write(Buffer.alloc(2_000_000), 500_000))
const troubled = store.troubled
await incoming.discard()
await incoming.close()
const stillServed = (await found(store, 'kept'))?.equals(kept) ?? false

// Now it knows.
await fill()
nowMs += 1000
const refused = await outcome(store.begin(headOf({ key: 'more', length: 1_000_000 })))
const small = await outcome(keep(store, Buffer.from('small'), { key: 'small' }))

// What nobody reads makes room, also where not a byte is left for the database.
await reading?.close()
nowMs += 1000
const roomMade = await outcome(keep(store, bytesFor('new', 1_000_000), { key: 'new' }))
const whole = (await found(store, 'new'))?.equals(bytesFor('new', 1_000_000)) ?? false

await truncate(filler, 0)
nowMs += 60_000
const after = await outcome(keep(store, kept, { key: 'kept' }))
const { bytes } = await store.usage()
const result = {
  writing,
  troubled,
  stillServed,
  refused,
  small,
  roomMade,
  whole,
  after,
  bytes,
  over: store.troubled,
  events,
}
process.stdout.write(JSON.stringify(result))
await store.close()
database.close()
