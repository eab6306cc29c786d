import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { createTask, getTasks } from 'node-cron'
import { Cron, cronProblem, everFires } from '../../src/config/cron.ts'
import { TimeZone } from '../../src/config/time-zone.ts'

const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Africa/Cairo']
const minute = 60_000

/** All times from `from` until before `to`, five minutes apart, at which node-cron itself says that the expression fires. */
function byHand(expression: string, zone: string, from: number, to: number): number[] {
  const task = createTask(expression, () => undefined, { timezone: zone })
  void task.destroy()
  const found: number[] = []
  for (let at = from; at < to; at += 5 * minute) if (task.match(new Date(at))) found.push(at)
  return found
}

/** The same, by walking. */
function walked(expression: string, zone: string, from: number, to: number): number[] {
  const cron = new Cron(expression, new TimeZone(zone))
  const found: number[] = []
  for (let at = cron.nextAfter(from - 1); at !== null && at < to; at = cron.nextAfter(at)) found.push(at)
  return found
}

const expressions = fc
  .tuple(
    fc.constantFrom('0', '30', '*/20', '5,50', '55'),
    fc.constantFrom('*', '0', '1', '2', '3', '23', '22-3', '*/6'),
    fc.constantFrom('*', '*', '29', 'L', '1-15', '15W'),
    fc.constantFrom('*', '*', '3', '10,11'),
    fc.constantFrom('*', '*', '0', 'mon-fri', '0L', '1#2'),
  )
  .map((fields) => fields.join(' '))

/** Days around which clocks change in some of the zones, and others. */
const days = fc.constantFrom(
  '2026-03-07',
  '2026-03-28',
  '2026-04-04',
  '2026-04-23',
  '2026-10-03',
  '2026-10-24',
  '2026-10-29',
  '2026-10-31',
  '2026-12-30',
  '2028-02-28',
)

describe('cron expressions', () => {
  test('walking meets exactly the times at which node-cron says that they fire, whatever clocks do', () => {
    fc.assert(
      fc.property(expressions, fc.constantFrom(...zones), days, (expression, zone, day) => {
        const from = Date.parse(`${day}T00:00Z`)
        const to = from + 60 * 60 * minute
        const expected = byHand(expression, zone, from, to)
        assert.deepEqual(walked(expression, zone, from, to), expected)
        const cron = new Cron(expression, new TimeZone(zone))
        for (const at of [from + 17 * 61 * minute, to - 1, from + 3 * minute]) {
          assert.equal(cron.lastUntil(at, from), expected.findLast((fires) => fires <= at) ?? null)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('a time that clocks show twice fires twice, one that they leave out does not', () => {
    const inBerlin = (day: string) => {
      const from = Date.parse(`${day}T00:00+01:00`)
      const fires = walked('30 2 * * *', 'Europe/Berlin', from, from + 24 * 60 * minute)
      return fires.map((at) => new Date(at).toISOString())
    }
    assert.deepEqual(inBerlin('2026-03-29'), [])
    assert.deepEqual(inBerlin('2026-10-25'), ['2026-10-25T00:30:00.000Z', '2026-10-25T01:30:00.000Z'])
    assert.deepEqual(inBerlin('2026-10-26'), ['2026-10-26T01:30:00.000Z'])
  })

  test('seconds are fields too, and the last time is not before the time given', () => {
    const cron = new Cron('15 0 12 * * *', new TimeZone('UTC'))
    const noon = Date.parse('2026-01-01T12:00:15Z')
    assert.equal(cron.nextAfter(noon - 1), noon)
    assert.equal(cron.nextAfter(noon), noon + 24 * 60 * minute)
    assert.equal(cron.lastUntil(noon + 999, noon), noon)
    assert.equal(cron.lastUntil(noon + 999, noon + 1), null)
    assert.equal(cron.lastUntil(noon - 1, noon - 24 * 60 * minute), noon - 24 * 60 * minute)
  })

  test('rare ones are found, and what never fires is known for it', () => {
    const utc = new TimeZone('UTC')
    const monday = new Cron('0 0 29 2 mon', utc).nextAfter(Date.parse('2026-01-01T00:00Z'))
    assert.equal(monday === null ? null : new Date(monday).toISOString(), '2044-02-29T00:00:00.000Z')
    assert.ok(everFires('0 0 29 2 *', 'UTC'))
    // The last Sunday of March has no half past two in Berlin.
    assert.ok(everFires('30 2 * 3 0L', 'UTC'))
    assert.ok(!everFires('30 2 * 3 0L', 'Europe/Berlin'))
    assert.ok(!everFires('0 0 1 * 1#2', 'UTC'))
  })

  test('what has no meaning is explained, and nothing is left behind in node-cron', () => {
    assert.equal(cronProblem('0 20 * * *'), null)
    assert.equal(cronProblem('@daily'), null)
    for (const wrong of ['', '0 20 * *', '61 * * * *', '0 0 31 2 *', 'x * * * *', '@reboot', '0 20 * * * * *']) {
      assert.ok((cronProblem(wrong) ?? '').length > 10, wrong)
    }
    assert.equal(getTasks().size, 0)
  })
})
