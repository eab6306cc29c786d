import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NetnsHost } from '../../network/netns-host.ts'
import { atEnd } from '../cleanup.ts'

interface Seen {
  readonly said: string
  readonly ms: number
}

interface Told {
  readonly before: Seen[]
  readonly during: Seen[]
  readonly known: Seen[]
  readonly triedForKnown: number
  readonly longBody: Seen
  readonly backMs: number
  readonly after: Seen[]
  readonly counts: Record<string, number>
}

const main = fileURLToPath(new URL('black-hole-main.ts', import.meta.url))

test('when all packets are dropped: one verdict for all who wait, none waits who comes later, and back it comes', async (t) => {
  const host = await NetnsHost.create('west')
  atEnd(t, () => host.close())
  const { stdout, stderr, code } = await host.exec([process.execPath, main])
  assert.equal(code, 0, stderr)
  const { before, during, known, triedForKnown, longBody, backMs, after, counts } = JSON.parse(stdout) as Told
  const said = (some: Seen[]) => [...new Set(some.map((each) => each.said))]
  assert.deepEqual(said(before), ['here'])
  assert.deepEqual(said(during), ['OriginUnreachable'])
  assert.deepEqual(said(known), ['OriginUnreachable'])
  // At most the one that the link makes to see whether it is back.
  assert.ok(triedForKnown <= 1, `${triedForKnown} connections were tried for what was known to be away`)
  assert.equal(longBody.said, 'OriginUnreachable', 'what stood still in the middle was broken off')
  assert.deepEqual(said(after), ['here'])
  assert.deepEqual(counts, { PlaceAway: 2, PlaceBack: 2 })
  const longest = (some: Seen[]) => Math.max(...some.map(({ ms }) => ms))
  t.diagnostic(
    `silence ${longBody.ms} ms, verdict ${longest(during)} ms, then ${longest(known)} ms; back after ${backMs} ms`,
  )
})
