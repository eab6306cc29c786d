/**
 * Runs inside a network namespace of its own: an origin behind loopback, whose packets nftables drops when told so. Prints
 * what it saw as one line of JSON.
 */
import { execFileSync } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Events } from '../../../src/cache/events.ts'
import { originsOf } from '../../../src/cache/origins.ts'
import { ManyPlaces } from '../../../src/cache/upstream/many-places.ts'
import { startOrigin } from '../origin.ts'
import { settingsFor } from '../settings-for.ts'

/** What became of one request, and after how long (milliseconds). */
interface Seen {
  readonly said: string
  readonly ms: number
}

const nft = (...args: string[]) => execFileSync('nft', args, { encoding: 'utf8' })

const held: (() => void)[] = []
const origin = await startOrigin((req, res) => {
  if (req.url !== '/long') return void res.end('here')
  res.writeHead(200, { 'content-length': 1_000_000 })
  res.write(Buffer.alloc(1000))
  held.push(() => res.destroy())
})
nft('add', 'table', 'inet', 'hole')
nft('add', 'chain', 'inet', 'hole', 'in', '{ type filter hook input priority 0; }')
nft('add', 'chain', 'inet', 'hole', 'drops')

/** First packets of connections that were dropped so far. */
function connectionsTried(): number {
  const [, packets] = /syn.*counter packets (\d+)/.exec(nft('list', 'chain', 'inet', 'hole', 'drops')) ?? []
  return Number(packets)
}

function cut(): void {
  nft('add', 'rule', 'inet', 'hole', 'drops', `tcp dport ${origin.port} tcp flags & (syn|ack) == syn counter drop`)
  nft('add', 'rule', 'inet', 'hole', 'drops', `tcp dport ${origin.port} drop`)
  nft('add', 'rule', 'inet', 'hole', 'drops', `tcp sport ${origin.port} drop`)
  nft('add', 'rule', 'inet', 'hole', 'in', 'jump drops')
}

const settings = settingsFor({
  listen: '127.0.0.1:0',
  store: '/nowhere',
  origins: { 'mirror.lab': { address: '127.0.0.1', port: origin.port } },
})
const events = new Events({ clock: systemClock, log: silentLog })
const origins = originsOf(settings)
const upstream = new ManyPlaces({ origins, siblings: [], parent: undefined, via: 'causeway-test', events })

async function ask(path: string): Promise<Seen> {
  const startMs = performance.now()
  const mirror = origins.get('mirror.lab')
  if (!mirror) throw new Error('there is no mirror.lab')
  let said: string
  try {
    const { body } = await upstream.ask({ origin: mirror, method: 'GET', path, kind: 'package', headers: {} })
    said = ''
    for await (const chunk of body) said += String(chunk)
  } catch (error) {
    said = (error as { code?: string }).code ?? String(error)
  }
  return { said, ms: Math.round(performance.now() - startMs) }
}

const many = (count: number) => Promise.all(Array.from({ length: count }, (_, n) => ask(`/${n}`)))

const before = await many(8)
const body = ask('/long')
while (held.length === 0) await systemClock.sleep(5)
cut()
// Nobody asks for anything new: only the silence says that the server is away.
const longBody = await body
nft('flush', 'chain', 'inet', 'hole', 'in')
while (upstream.states()[0]?.health.state !== 'well') await systemClock.sleep(10)
nft('flush', 'chain', 'inet', 'hole', 'drops')
cut()
const during = await many(60)
const afterVerdict = connectionsTried()
const known = await many(60)
const triedForKnown = connectionsTried() - afterVerdict
nft('flush', 'chain', 'inet', 'hole', 'in')
const healedMs = performance.now()
while (upstream.states()[0]?.health.state !== 'well') await systemClock.sleep(10)
const backMs = Math.round(performance.now() - healedMs)
const after = await many(8)
const counts = Object.fromEntries(events.counts)
process.stdout.write(`${JSON.stringify({ before, during, known, triedForKnown, longBody, backMs, after, counts })}\n`)
for (const end of held) end()
await upstream.close()
await origin.close()
