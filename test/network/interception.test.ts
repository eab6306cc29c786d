import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { until } from '../../lab/until.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import { type CacheChild, startChild } from '../cache/child.ts'
import { scratchFolder } from '../cache/start.ts'
import { type Sender, udp, udp6 } from './frames.ts'
import type { NetnsHost } from './netns-host.ts'
import { member, sample, withGateway, withIpv6, withMembers } from './sample.ts'
import { reaches, Segment } from './segment.ts'
import { sendFrames } from './wire.ts'

const patience = 120_000

const mirror = member('mirror', '10.77.2.9', 'west', 'cwp00000079')

/** The origins by where they are: outside the segment, and a member at another site. */
const outside = ['10.250.9.2', 'fd00:250:9::2']
const inside = [mirror.address, 'fd77::a4d:209']
const origins = [...outside, ...inside]

const overlay: Overlay = withIpv6(
  withMembers(withGateway(sample, 'east', { interception: { port: 3128, origins } }), (members) => [
    ...members,
    mirror,
  ]),
)

/** The addresses that the gateway has on the WAN: what leaves the segment must have one of them. */
const masks = ['10.250.1.2', 'fd00:250:1::2']

describe('interception with a real cache', () => {
  let segment: Segment
  let close = async () => {}
  const node = () => segment.node('east-1')

  before(async () => {
    segment = await Segment.create(overlay, (how) => {
      close = how
    })
    await segment.wan.run('ip address add dev w-east fd00:250:1::1/64 nodad')
    await segment.gateway('east').run(`ip address add dev wan0 ${masks[1]}/64 nodad`)
    await segment.gateway('east').run('ip route add default via fd00:250:1::1')
    await segment.apply(overlay)
    for (const one of overlay.members) if (one.port !== null) await segment.plug(overlay, one)
    await segment.apply(overlay)
    await segment.serve(segment.origin, 'origin', 80)
    await segment.serve(segment.node('mirror'), 'mirror', 80)
  })
  after(() => close())

  const startCache = async (t: TestContext): Promise<CacheChild> => {
    const folder = await scratchFolder(t)
    const config = join(folder, 'cache.yaml')
    await writeFile(
      config,
      `listen: "[::]:3128"
store: ${folder}/store
origins: { origin.lab: { address: 10.250.9.2 } }
heartbeat: { table: causeway_77, set: cache_alive, port: 80, hold: 2s, families: [ip, ip6] }
`,
    )
    return startChild(t, config, segment.gateway('east').argv())
  }

  it('takes nodes to the origins by themselves while no cache serves, masked where they leave the segment', async () => {
    for (const [k, origin] of outside.entries()) {
      assert.deepEqual(await ask(node(), origin), { cached: false, server: 'origin', client: masks[k] })
    }
    const clients = ['10.77.1.1', 'fd77::a4d:101']
    for (const [k, origin] of inside.entries()) {
      assert.deepEqual(await ask(node(), origin), { cached: false, server: 'mirror', client: clients[k] })
    }
  })

  it('takes nodes to the cache while it serves: past it while it hangs, back when it goes on, past it for good when it is dead', async (t) => {
    const cache = await startCache(t)
    const turn = async (what: string, cached: boolean) => {
      const startMs = performance.now()
      for (const origin of origins) {
        await until(`${what}: ${origin}`, patience, async () => (await tryToAsk(node(), origin))?.cached === cached)
      }
      t.diagnostic(`${what}: ${Math.round(performance.now() - startMs)} ms`)
    }
    await turn('it serves', true)
    assert.equal((await ask(segment.gateway('east'), '10.250.9.2')).cached, false, 'the gateway itself')
    assert.equal((await ask(segment.node('west-1'), '10.250.9.2')).cached, false, 'another site')
    cache.send('SIGSTOP')
    await turn('it hangs', false)
    cache.send('SIGCONT')
    await turn('it goes on', true)
    await cache.end('SIGKILL')
    await turn('it is dead', false)
  })

  it('is held up for two seconds at most by a cache that says nothing any more', async (t) => {
    await startCache(t)
    for (const family of ['ip', 'ip6']) {
      const timeout = await until(`the element of ${family}`, patience, async () => {
        const listed = await segment.gateway('east').run(`nft -j list set ${family} causeway_77 cache_alive`)
        return /"expires": (\d+)/.exec(listed)?.[1]
      })
      assert.ok(Number(timeout) <= 2, `${timeout} s`)
    }
  })

  it('lets nothing out with a source outside of the segment, with or without the guard', async (t) => {
    t.after(() => segment.apply(overlay))
    const east = segment.gateway('east')
    await segment.wan.run(
      'nft -f -',
      `table inet spoofed {
         counter seen { }
         chain forward { type filter hook forward priority 0; policy accept;
           ip saddr 192.0.2.0/24 counter name seen; ip6 saddr 2001:db8::/32 counter name seen; }
       }`,
    )
    const seen = async () => /packets (\d+)/.exec(await segment.wan.run('nft list counter inet spoofed seen'))?.[1]
    const station = overlay.gateways.find((one) => one.name === 'east') ?? assert.fail()
    const to: Sender = { mac: station.mac, address: outside[0] ?? '', address6: outside[1] ?? '' }
    const from: Sender = { mac: '02:43:0a:4d:01:01', address: '192.0.2.1', address6: '2001:db8::1' }
    const spoof = async () => {
      await sendFrames(node(), [udp(from, to, 1, 2), udp6(from, to, 1, 2)])
      for (const origin of outside) assert.ok(await reaches(node(), origin), origin)
    }
    await spoof()
    assert.equal(await seen(), '0')
    await east.run('nft delete table bridge causeway_77')
    await spoof()
    assert.equal(await seen(), '0')
    for (const family of ['ip', 'ip6']) await east.run(`nft flush chain ${family} causeway_77 isolate`)
    await spoof()
    assert.equal(await seen(), '2', 'without any rule they get out')
  })
})

interface Answered {
  /** Whether a cache answered. */
  readonly cached: boolean
  /** The server that the answer is of, and whom that saw as the client. */
  readonly server: string
  readonly client: string
}

/** Asks for a file at an address. */
async function ask(from: NetnsHost, address: string): Promise<Answered> {
  return (await tryToAsk(from, address, 60)) ?? assert.fail(`${address} does not answer ${from.name}`)
}

/** The same, without much patience; null when there is no answer: who is redirected to a cache that hangs waits in vain. */
async function tryToAsk(from: NetnsHost, address: string, seconds = 3): Promise<Answered | null> {
  const host = address.includes(':') ? `[${address}]` : address
  // A name of its own each time: a cache answers by itself what it has.
  const url = `http://${host}/file-${++asked}`
  const argv = ['curl', '-sS', '-g', '-i', '--max-time', `${seconds}`, '-H', 'Host:origin.lab', url]
  const { code, stdout } = await from.exec(argv)
  if (code !== 0) return null
  const [head = '', body = ''] = stdout.split('\r\n\r\n')
  return { cached: /^x-cache:/im.test(head), ...(JSON.parse(body) as Omit<Answered, 'cached'>) }
}
let asked = 0
