import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCounters } from '../../bench/overlay/counters.ts'
import { parseIperf } from '../../bench/overlay/iperf.ts'
import { machineSeconds } from '../../bench/overlay/machine.ts'
import { parseOptions } from '../../bench/overlay/options.ts'
import { firstAfter, parsePing } from '../../bench/overlay/ping.ts'
import { added } from '../../bench/overlay/round-trip.ts'
import { summary, throughputRows } from '../../bench/overlay/throughput.ts'
import { against, alone, met } from '../../bench/report.ts'
import { markdown, text } from '../../bench/table.ts'

describe('bench overlay reads', () => {
  const ping = `PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.
[1795403064.260773] 64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=0.018 ms
[1795403064.300000] From 10.81.1.1 icmp_seq=2 Destination Host Unreachable
[1795403064.364650] 64 bytes from 127.0.0.1: icmp_seq=3 ttl=64 time=20.1 ms

--- 127.0.0.1 ping statistics ---
3 packets transmitted, 2 received, 33% packet loss, time 104ms
`

  it('the answers in what ping printed, and nothing else', () => {
    const replies = parsePing(ping)
    assert.deepEqual(
      replies.map(({ ms }) => ms),
      [0.018, 20.1],
    )
    assert.equal(Math.round(replies[1]?.atMs ?? 0), 1_795_403_064_365)
  })

  it('how long after a moment the first answer came', () => {
    const replies = [
      { atMs: 1000, ms: 1 },
      { atMs: 2500, ms: 1 },
      { atMs: 2600, ms: 1 },
    ]
    assert.equal(firstAfter(replies, 2000), 500)
    assert.equal(firstAfter(replies, 3000), undefined)
  })

  it('rate and bytes of iperf3, the omitted second among the bytes only', () => {
    const sum = (bytes: number, omitted: boolean) => ({ sum: { start: 0, bytes, omitted } })
    const printed = { intervals: [sum(1e9, true), sum(2e9, false)], end: { sum_received: { bits_per_second: 16e9 } } }
    assert.deepEqual(parseIperf(JSON.stringify(printed)), { megabits: 16_000, gigabytes: 3 })
    assert.throws(() => parseIperf('{"error": "unable to connect"}'), { code: 'MalformedOutput' })
  })

  it("nft's counters", () => {
    const printed =
      '{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"counter": {"name": "plain", "packets": 7, "bytes": 9}}]}'
    assert.deepEqual([...parseCounters(printed)], [['plain', 7]])
  })

  it('how long the machine has worked: not idle, waiting, or taken by others', () => {
    assert.equal(machineSeconds('cpu  100 10 200 9999 555 1 4 777 5 5\ncpu0 1 1 1 1\n'), 3.15)
  })

  it('its options, and refuses strange ones', () => {
    const known = ['encrypted', 'softether']
    assert.deepEqual(parseOptions([], known).peers, known)
    const options = parseOptions(['--only', 'rtt,cut', '--peers', 'softether', '--seconds', '5', '--cut', '7'], known)
    assert.deepEqual([[...options.only], options.peers], [['rtt', 'cut'], ['softether']])
    assert.deepEqual([options.seconds, options.rounds, options.cutSeconds], [5, 3, 7])
    assert.throws(() => parseOptions(['--only', 'speed'], known), /--only speed: there is throughput/)
    assert.throws(() => parseOptions(['--peers', 'pptp'], known), /--peers pptp/)
    assert.throws(() => parseOptions(['--rounds', '0'], known), /--rounds 0/)
    assert.throws(() => parseOptions(['--fast'], known), /--fast/)
  })
})

describe('bench overlay reckons', () => {
  const samples = (...rates: number[]) => rates.map((rate) => ({ rate, perGigabyte: rate / 10 }))

  it('ratios to the raw path round by round', () => {
    const all = new Map([
      ['raw', samples(100, 200, 400)],
      ['plain', samples(90, 160, 380)],
    ])
    const { rate, least, most, ratio, perGigabyte } = summary(all, 'plain')
    assert.deepEqual([rate, least, most, ratio, perGigabyte], [160, 90, 380, 0.9, 16])
  })

  it('the encrypted overlay against the best of the peers, never against our own', () => {
    const all = new Map(
      Object.entries({ raw: 1000, plain: 900, encrypted: 50, fastd: 40, softether: 80 }).map(([name, rate]) => [
        name,
        samples(rate),
      ]),
    )
    const rows = throughputRows('a line', all, { plain: 0.9, softether: 10, encrypted: 1 })
    assert.deepEqual(
      rows.map((row) => [row.peer, row.ratio, met(row)]),
      [
        ['raw path', 0.9, true],
        ['softether', 11.3, true],
        ['raw path', 0.05, null],
        ['best: softether', 0.625, false],
      ],
    )
  })

  it('what a path adds to the round trip of the same round', () => {
    const all = new Map([
      ['raw', [1, 2, 3]],
      ['plain', [1.5, 2.25, 9]],
    ])
    assert.equal(added(all, 'plain'), 0.5)
  })
})

describe('bench report', () => {
  it('tells whether a goal was met: a ratio at least, a value at most', () => {
    const row = { case: 'x', unit: 'ms', ours: 2, theirs: 4 }
    assert.equal(met(against('peer', { ...row, better: 'less', goal: 2 })), true)
    assert.equal(met(against('peer', { ...row, better: 'more', goal: 0.6 })), false)
    assert.equal(met(alone({ ...row, goal: 2 })), true)
    assert.equal(met(alone({ ...row, goal: 1 })), false)
    assert.equal(met(alone({ ...row, goal: null })), null)
  })

  it('draws tables with words to the left and numbers to the right', () => {
    const table = {
      title: 'T',
      columns: ['', 'ms'],
      rows: [
        ['raw', '1.5'],
        ['plain', '12.5'],
      ],
    }
    assert.equal(text(table), 'T\n\n         ms\nraw     1.5\nplain  12.5\n')
    assert.equal(markdown(table), '### T\n\n|       | ms   |\n| ----- | ---: |\n| raw   | 1.5  |\n| plain | 12.5 |\n')
  })
})
