import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parseTime } from '../../src/cli/policy.ts'
import { showPolicy, showSummary } from '../../src/cli/policy-text.ts'
import { parsePolicyFile } from '../../src/config/policy-file.ts'
import { TimeZone } from '../../src/config/time-zone.ts'
import { PolicyClock } from '../../src/elastic/policy-clock.ts'
import { policyRules } from '../../src/elastic/policy-rules.ts'

const text = `sites:
  east: { order: 1, nodes: { maximum: 16, minimum: 1, billing: 1h, cost: 0.4, cpus: 8, memory: 31GiB } }
  west: { types: { big: { maximum: 4, cost: 6, cpus: 64, memory: 250GiB, gpus: 4, lifetime: 10m } } }
policy:
  timezone: Europe/Berlin
  currency: EUR
  caps: [ { user: '*', nodes: 10 } ]
  budgets: [ { period: day, amount: 50 } ]
  placement: [ { queue: mpi, sites: [west] } ]
  windows: [ { name: nights, cron: '0 20 * * *', for: 10h, set: { sites: { east: { nodes: { maximum: 32 } } } } } ]
`

describe('what policies look like', () => {
  const rules = policyRules(parsePolicyFile(text, 'p.yaml'))
  const clock = new PolicyClock(rules)

  test('in short: types, sums, windows', () => {
    assert.equal(
      showSummary(rules, clock, Date.parse('2026-03-28T12:00Z')),
      [
        'SITE  TYPE      NODES          SPARE  CPUS  MEMORY     GPUS  COST/H  BILLED BY  LIVES         IDLE',
        'east  standard  1..16 (of 32)  0      8     31744MiB   0     0.4     1h         -             5m',
        'west  big       0..4           0      64    256000MiB  4     6       -          10m at least  5m',
        '',
        '1 to 20 nodes, 0.4 EUR to 30.4 EUR an hour',
        '1 cap, 1 budget, 1 placement rule',
        '',
        'WINDOW  STATE  UNTIL',
        'nights  waits  2026-03-28 20:00 Europe/Berlin',
      ].join('\n'),
    )
  })

  test('in full, at a time in a window and over a change of clocks', () => {
    const shown = showPolicy(rules, clock, parseTime('2026-03-29T01:30', new TimeZone('Europe/Berlin')))
    assert.match(shown, /^rules in force at 2026-03-29 01:30 Europe\/Berlin, in nights\n/)
    assert.match(shown, /\neast {2}standard {2}1\.\.32 /)
    assert.match(shown, /\ncap: user \*: 10 nodes\nbudget: day: 50 EUR from 2026-03-29 00:00 .* to 2026-03-30 00:00 /)
    assert.match(shown, /\nplacement: queue mpi: one-site, sites: west\ndeadlines: create 1m, boot 5m, .*drain 1d\n/)
    // Ten hours, one of which clocks leave out.
    assert.match(shown, /nights {2}in force {2}2026-03-29 07:00 Europe\/Berlin$/)
  })
})

test('times are in the zone of the policy unless they say otherwise', () => {
  const zone = new TimeZone('Europe/Berlin')
  for (const [given, is] of [
    ['2026-03-29T20:00', '2026-03-29T18:00:00.000Z'],
    ['2026-03-28 20:00:30', '2026-03-28T19:00:30.000Z'],
    ['2026-03-28', '2026-03-27T23:00:00.000Z'],
    ['2026-03-28T20:00Z', '2026-03-28T20:00:00.000Z'],
    ['2026-03-28T20:00+05:30', '2026-03-28T14:30:00.000Z'],
    ['2026-10-25T02:30', '2026-10-25T00:30:00.000Z'],
  ] as const) {
    assert.equal(new Date(parseTime(given, zone)).toISOString(), is, given)
  }
  for (const wrong of ['2026-03-29T02:30', 'tomorrow', '2026-13-01T00:00', '20:00', '2026-03-28T20']) {
    assert.throws(() => parseTime(wrong, zone), { code: 'InvalidRequest' }, wrong)
  }
})

describe('causeway policy', () => {
  let folder: string
  const file = (name: string) => join(folder, name)
  const causeway = (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const main = join(import.meta.dirname, '../../src/main.ts')
      execFile(process.execPath, [main, 'policy', ...args], (error, out, err) =>
        resolve({ code: error ? Number(error.code) : 0, out, err }),
      )
    })

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'causeway-policy-'))
    await writeFile(file('a.yaml'), text)
    await writeFile(file('b.yaml'), text.replace('amount: 50', 'amount: 70').replace(', lifetime: 10m', ''))
    await writeFile(file('bad.yaml'), text.replace('minimum: 1,', 'minimum: 17,').replace('0 20 *', '0 25 *'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  test('check: ok and what it comes to, or all problems and 2', async () => {
    const good = await causeway('check', file('a.yaml'))
    assert.equal(good.code, 0, good.err)
    assert.match(good.out, /a\.yaml: ok\n\nSITE .*\n\n1 to \d+ nodes/s)
    const bad = await causeway('check', file('bad.yaml'))
    assert.equal(bad.code, 2)
    assert.match(bad.err, /bad\.yaml:2:\d+: sites\.east\.nodes\.minimum: /)
    assert.match(bad.err, /bad\.yaml:10:\d+: policy\.windows\[0\]\.cron: /)
    assert.equal(bad.out, '')
  })

  test('diff: 0 and nothing, 1 and what changes, 2 for a file that is wrong', async () => {
    assert.partialDeepStrictEqual(await causeway('diff', file('a.yaml'), file('a.yaml')), {
      code: 0,
      out: 'no differences\n',
    })
    const changed = await causeway('diff', file('a.yaml'), file('b.yaml'))
    assert.equal(changed.code, 1)
    assert.match(changed.out, /^budget day: amount 50 -> 70\n.*west big: lifetime 10m -> 0s\n$/s)
    const json = await causeway('diff', '--json', file('a.yaml'), file('b.yaml'))
    assert.equal(json.code, 1)
    assert.deepEqual(JSON.parse(json.out)[0], { about: 'budget day', key: 'amount', from: '50', to: '70' })
    assert.equal((await causeway('diff', file('a.yaml'), file('bad.yaml'))).code, 2)
  })

  test('show: the rules at a time, as text and as JSON', async () => {
    const at = ['--at', '2026-05-04T21:00']
    assert.match(
      (await causeway('show', file('a.yaml'), ...at)).out,
      /^rules in force at 2026-05-04 21:00 .*, in nights/,
    )
    const json = JSON.parse((await causeway('show', file('a.yaml'), ...at, '--json')).out)
    assert.deepEqual(
      [json.atMs, json.windows, json.policy.types[0].maximum],
      [Date.parse('2026-05-04T19:00Z'), ['nights'], 32],
    )
    assert.equal((await causeway('show', file('a.yaml'), '--at', 'noon')).code, 2)
  })
})
