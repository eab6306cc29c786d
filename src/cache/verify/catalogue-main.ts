/* The thread that writes the catalogue: reading an index of 64,000 packages takes seconds, for which no request should wait. */
import { parentPort, workerData } from 'node:worker_threads'
import { CausewayError, toCausewayError } from '../../base/errors.ts'
import { isDatabaseDamage } from '../database.ts'
import type { Package } from '../formats/format.ts'
import { formatOf } from '../formats/formats.ts'
import { malformed } from '../formats/stanzas.ts'
import { unpacked } from '../formats/unpack.ts'
import { openToWrite } from './catalogue-file.ts'
import type { Failure, Order, Report } from './catalogue-messages.ts'
import { PackageWriter } from './package-rows.ts'

/** No repository has as many packages in one index. */
const mostPackages = 2_000_000

const port = parentPort
if (!port) throw new Error('this runs as a thread of the cache')
const { folder } = workerData as { folder: string }
const writer = new PackageWriter(openToWrite(folder))
let feeding: ((order: Order) => void) | undefined

port.on('message', (order: Order) => {
  if (order.does === 'feed' || order.does === 'break') feeding?.(order)
  else void obey(order)
})

async function obey(order: Order & { does: 'learn' | 'retain' }): Promise<void> {
  let failure: Failure | undefined
  try {
    if (order.does === 'retain') writer.retain(order.versions)
    else await writer.learn(order.version, packagesOf(order))
  } catch (error) {
    const { code, message } = toCausewayError(error)
    failure = { code, message, damage: isDatabaseDamage(error) }
  }
  say({ said: 'end', failure })
}

async function* packagesOf(order: Order & { does: 'learn' }): AsyncGenerator<{ host: string; one: Package }> {
  const { version, suite, speaksFor } = order
  let count = 0
  for await (const one of formatOf(suite).readPackages(suite, version.file, unpacked(pieces()))) {
    count += 1
    if (count > mostPackages) throw malformed(`it lists more than ${mostPackages} packages`)
    const host = one.host ?? version.host
    if (host === version.host || speaksFor.includes(host)) yield { host, one }
  }
}

/** The index as the other thread gives it, piece by piece as it is asked for. */
async function* pieces(): AsyncGenerator<Buffer> {
  try {
    for (;;) {
      const order = await new Promise<Order>((resolve) => {
        feeding = resolve
        say({ said: 'more' })
      })
      if (order.does === 'break') throw new CausewayError('TransferBroken', 'the index could not be read to its end')
      if (order.does !== 'feed' || order.chunk === null) return
      yield Buffer.from(order.chunk.buffer, order.chunk.byteOffset, order.chunk.byteLength)
    }
  } finally {
    feeding = undefined
  }
}

function say(report: Report): void {
  port?.postMessage(report)
}
