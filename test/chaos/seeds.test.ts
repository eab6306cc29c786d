import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { chaos } from './main.ts'
import { Random } from './random.ts'
import { runSeed } from './run-seed.ts'

/** How many seeds are run here; `scripts/chaos` runs as many as one likes. */
const seeds = 1000

describe('the controller among faults that a seed draws', () => {
  test(`${seeds} seeds keep every invariant and come to rest`, async () => {
    const lines: string[] = []
    assert.equal(await chaos(['--seeds', String(seeds)], (line) => lines.push(line)), 0, lines.join('\n'))
  })

  test('a seed runs the same way every time', async () => {
    for (const seed of [3, 17]) assert.deepEqual((await runSeed(seed)).events, (await runSeed(seed)).events)
  })

  test('other seeds run in other ways', async () => {
    assert.notDeepEqual((await runSeed(3)).events, (await runSeed(4)).events)
  })

  test("what can't be understood is answered with the usage", async () => {
    const lines: string[] = []
    assert.equal(await chaos(['--seeds', 'many'], (line) => lines.push(line)), 2)
    assert.match(lines.join('\n'), /--seed N/)
  })
})

describe('random numbers', () => {
  test('a stream does not depend on what others draw', () => {
    const one = new Random(7)
    const other = new Random(7)
    for (let i = 0; i < 10; i++) one.stream('a').next()
    one.next()
    assert.equal(one.stream('b').next(), other.stream('b').next())
    assert.notEqual(other.stream('a').next(), other.stream('b').next())
  })

  test('they spread evenly over their range', () => {
    const random = new Random(1).stream('dice')
    const counts = [0, 0, 0, 0, 0, 0]
    for (let i = 0; i < 60_000; i++) counts[random.int(1, 6) - 1]! += 1
    assert.ok(
      counts.every((count) => count > 9500 && count < 10_500),
      counts.join(' '),
    )
  })
})
