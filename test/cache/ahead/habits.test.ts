import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { type Habit, Habits } from '../../../src/cache/ahead/habits.ts'

const host = 'mirror.lab'
const minute = 60_000

function stage() {
  const saved: Habit[][] = []
  const habits = new Habits((_host, known) => saved.push([...known]))
  let now = 1_000_000
  /** One client's install, all at once. What became clear, and after which package. */
  const install = (client: string, ...names: string[]) => {
    const clear: { after: string; next: readonly string[] }[] = []
    for (const name of names) {
      const next = habits.asked(client, host, name, now)
      if (next) clear.push({ after: name, next })
    }
    return clear
  }
  const later = (ms: number) => {
    now += ms
    habits.settle(now)
  }
  return { habits, saved, install, later }
}

const names = (habit: Habit | undefined) => [...(habit?.packages.keys() ?? [])]

describe('habits of installing', () => {
  test('what one client installed is recognised when another begins the same, from the third package on', () => {
    const { install, later, saved } = stage()
    assert.deepEqual(install('10.0.0.1', 'a', 'b', 'c', 'd', 'e'), [])
    later(minute)
    assert.equal(saved.length, 1)
    assert.deepEqual(install('10.0.0.2', 'a', 'b', 'c', 'd', 'e'), [{ after: 'c', next: ['d', 'e'] }])
  })

  test('nothing is known of an install that goes on, nor of one too small', () => {
    const { install, later, habits } = stage()
    install('10.0.0.1', 'a', 'b', 'c', 'd')
    later(minute - 1)
    assert.deepEqual(install('10.0.0.2', 'a', 'b', 'c'), [])
    install('10.0.0.3', 'x', 'y')
    later(2 * minute)
    assert.equal(habits.of(host).length, 1)
  })

  test('of several habits it is the one that fits; where none does, none', () => {
    const { install, later } = stage()
    install('10.0.0.1', 'a', 'b', 'c', 'web')
    install('10.0.0.2', 'p', 'q', 'r', 'gpu')
    later(minute)
    assert.deepEqual(install('10.0.0.3', 'q', 'p', 'r'), [{ after: 'r', next: ['gpu'] }])
    assert.deepEqual(install('10.0.0.4', 'a', 'p', 'x', 'y', 'z'), [])
  })

  test('what three installs in a row did without is forgotten', () => {
    const { install, later, habits } = stage()
    install('10.0.0.1', 'a', 'b', 'c', 'old')
    for (const round of [1, 2, 3]) {
      later(minute)
      assert.equal(names(habits.of(host)[0]).includes('old'), true, `before round ${round}`)
      install('10.0.0.1', 'a', 'b', 'c', 'new')
    }
    later(minute)
    assert.deepEqual(names(habits.of(host)[0]), ['a', 'b', 'c', 'new'])
  })

  test('an install that was cut short does not shrink what is known', () => {
    const { install, later, habits } = stage()
    install('10.0.0.1', 'a', 'b', 'c', 'd', 'e', 'f')
    later(minute)
    install('10.0.0.1', 'a', 'b', 'c')
    later(minute)
    assert.deepEqual(names(habits.of(host)[0]), ['a', 'b', 'c', 'd', 'e', 'f'])
    assert.equal(habits.of(host).length, 1)
  })

  test('what was learned in an earlier life is known', () => {
    const first = stage()
    first.install('10.0.0.1', 'a', 'b', 'c', 'd')
    first.habits.close()
    const second = stage()
    second.habits.restore(host, first.saved.at(-1) ?? [])
    assert.deepEqual(second.install('10.0.0.1', 'a', 'b', 'c'), [{ after: 'c', next: ['d'] }])
  })

  test('origins have habits of their own', () => {
    const { install, later, habits } = stage()
    install('10.0.0.1', 'a', 'b', 'c', 'd')
    later(minute)
    for (const name of ['a', 'b', 'c']) assert.equal(habits.asked('10.0.0.1', 'other.lab', name, 2_000_000), undefined)
  })

  test('whatever clients ask for: memory is bounded, and what is named next was not asked for yet', () => {
    const asked = fc.array(fc.record({ client: fc.nat(2000), name: fc.nat(40), pause: fc.nat(minute / 2) }), {
      maxLength: 300,
    })
    fc.assert(
      fc.property(asked, (requests) => {
        const habits = new Habits()
        let now = 0
        const current = new Map<string, Set<string>>()
        for (const { client, name, pause } of requests) {
          now += pause
          const who = `c${client % 5}`
          const mine = current.get(who) ?? new Set()
          current.set(who, mine.add(`p${name}`))
          const next = habits.asked(who, host, `p${name}`, now) ?? []
          // Without pauses long enough an install is at most all that the client ever asked for.
          assert.equal(next.includes(`p${name}`), false)
          assert.equal(new Set(next).size, next.length)
        }
        habits.close()
        assert.ok(habits.of(host).length <= 32)
      }),
      { numRuns: 100 },
    )
  })
})
