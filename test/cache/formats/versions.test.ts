import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { compareAlpine, compareDebian, compareRpm } from '../../../src/cache/formats/versions.ts'

const part = fc.array(fc.constantFrom('0', '1', '9', '10', '007', 'a', 'rc', 'Z', '.', '~', '+', '-', '^'), {
  maxLength: 8,
})
const word = part.map((parts) => parts.join(''))

test("Debian's versions are in the order that dpkg has them in", () => {
  const version = fc.tuple(fc.constantFrom('', '0:', '1:'), word, fc.constantFrom('', '-1', '-1~bpo', '-2+b1'))
  const one = version.map(
    ([epoch, upstream, revision]) => `${epoch}1${upstream.replaceAll('^', '').replace(/-+$/, '')}${revision}`,
  )
  // dpkg takes 2 ms for each, and there are three relations to ask for.
  fc.assert(
    fc.property(one, one, (a, b) => {
      const operator = ['lt', 'eq', 'gt'][Math.sign(compareDebian(a, b)) + 1] as string
      assert.equal(spawnSync('dpkg', ['--compare-versions', a, operator, b]).status, 0, `${a} ${operator} ${b}`)
    }),
    { numRuns: 150 },
  )
})

test("RPM's versions are in the order that rpm has them in", () => {
  const one = word.map((text) => `1${text.replaceAll('-', '')}`)
  const pairs = fc.sample(fc.tuple(one, one), 500)
  const list = pairs.map(([a, b]) => `print(rpm.vercmp("${a}", "${b}"), "")`).join(' ')
  const said = execFileSync('rpm', ['--eval', `%{lua: ${list}}`], { encoding: 'utf8' })
  const orders = said.match(/-?\d+/g)?.map(Number)
  assert.equal(orders?.length, pairs.length)
  for (const [at, [a, b]] of pairs.entries()) assert.equal(Math.sign(compareRpm(a, b)), orders[at], `${a} ${b}`)
})

test('an epoch counts before all, a release only where both have one', () => {
  assert.ok(compareRpm('1:1-1', '2-9') > 0)
  assert.equal(compareRpm('1.0', '1.0-5'), 0)
  assert.ok(compareRpm('1.0-4', '1.0-5') < 0)
  assert.ok(compareDebian('1:1', '2') > 0)
})

test("Alpine's versions are in the order of its documentation", () => {
  const order = [
    '1.0_alpha',
    '1.0_alpha2',
    '1.0_beta',
    '1.0_rc1',
    '1.0',
    '1.0-r1',
    '1.0-r10',
    '1.0_git20200101',
    '1.0_p1',
    '1.0a',
    '1.0.1',
    '1.2',
    '1.10',
    '2',
  ]
  for (const [at, older] of order.entries()) {
    for (const newer of order.slice(at + 1)) assert.ok(compareAlpine(older, newer) < 0, `${older} < ${newer}`)
    assert.equal(compareAlpine(older, older), 0)
  }
})

/** A release counts only where both have one, so those of RPM are in one order only where all have one, or none. */
function ofRpm(text: string, released: boolean): string {
  return released ? `${text}-1` : text.replaceAll('-', '')
}

test('each order is one: the same backwards, and never in a circle', () => {
  for (const compare of [compareDebian, compareRpm, compareAlpine]) {
    fc.assert(
      fc.property(fc.string(), fc.string(), word, fc.boolean(), (first, second, third, released) => {
        const texts = [first, second, third]
        const [a, b, c] = compare === compareRpm ? texts.map((text) => ofRpm(text, released)) : texts
        for (const [x, y, z] of [
          [a, b, c],
          [c, a, b],
        ] as [string, string, string][]) {
          assert.equal(Math.sign(compare(x, y)) + Math.sign(compare(y, x)), 0)
          if (compare(x, y) <= 0 && compare(y, z) <= 0) assert.ok(compare(x, z) <= 0)
        }
      }),
      {
        examples: [
          ['', '-', '-0', true],
          ['', '-', '-0', false],
        ],
      },
    )
  }
})
