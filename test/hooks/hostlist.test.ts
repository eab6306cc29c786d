import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { compressHostlist, expandHostlist, maximumHosts } from '../../src/hooks/hostlist.ts'

const forms: readonly [string, readonly string[]][] = [
  ['', []],
  ['x', ['x']],
  ['east-1', ['east-1']],
  ['n[1-3,07-10],x', ['n1', 'n2', 'n3', 'n07', 'n08', 'n09', 'n10', 'x']],
  ['a[1-2]b[3-4]', ['a1b3', 'a1b4', 'a2b3', 'a2b4']],
  ['dyn[3,2]', ['dyn3', 'dyn2']],
  ['n[098-101]', ['n098', 'n099', 'n100', 'n101']],
  ['n[8-11]', ['n8', 'n9', 'n10', 'n11']],
  ['r[1-2]-ib,r3', ['r1-ib', 'r2-ib', 'r3']],
  ['[1-2]', ['1', '2']],
  ['r[1-2]n[01-02,5]', ['r1n01', 'r1n02', 'r1n5', 'r2n01', 'r2n02', 'r2n5']],
  ['a[1-2]b[3-4]c,d', ['a1b3c', 'a1b4c', 'a2b3c', 'a2b4c', 'd']],
  ['n[3,1-2,2]', ['n3', 'n1', 'n2', 'n2']],
  ['n[01,1,001]', ['n01', 'n1', 'n001']],
  ['n[0-1][0-1]', ['n00', 'n01', 'n10', 'n11']],
  ['east-1.example.org,west-[1-2].example.org', ['east-1.example.org', 'west-1.example.org', 'west-2.example.org']],
]

for (const [text, names] of forms) {
  test(`the hostlist "${text}" stands for ${names.length} names`, () => {
    assert.deepEqual(expandHostlist(text), names)
  })
}

for (const text of [
  'n[1-3',
  'n1]',
  'n[[1]]',
  'n[a-b]',
  'n[3-1]',
  'n[]',
  'a,,b',
  ',a',
  'a b',
  'n[1-]',
  'n[-1]',
  'n[1 ]',
]) {
  test(`"${text}" is not a hostlist`, () => {
    assert.throws(() => expandHostlist(text), { code: 'InvalidRequest' })
  })
}

test('a hostlist for too many names is refused before it is expanded', () => {
  assert.equal(expandHostlist(`n[1-${maximumHosts}]`).length, maximumHosts)
  assert.throws(() => expandHostlist(`n[0-${maximumHosts}]`), /more than 65536 names/)
  assert.throws(() => expandHostlist('n[1-99999]x[1-99999]y[1-99999]'), /more than 65536 names/)
  assert.throws(() => expandHostlist(`n[1-40000],m[1-40000]`), /more than 65536 names/)
  assert.throws(() => expandHostlist('n[1-99999999999999999999]'), /too large/)
})

test('names are compressed to one word for each prefix', () => {
  assert.equal(compressHostlist(['east-1', 'east-2', 'west-3', 'east-3', 'east-2']), 'east-[1-3],west-3')
  assert.equal(compressHostlist(['n9', 'n10', 'n11', 'n07', 'n08']), 'n[9,07-08,10-11]')
  assert.equal(compressHostlist(['n', 'n1', 'n3']), 'n,n[1,3]')
  assert.equal(compressHostlist([]), '')
  assert.throws(() => compressHostlist(['a,b']), { code: 'InvalidRequest' })
  assert.throws(() => compressHostlist(['']), { code: 'InvalidRequest' })
})

const name = fc
  .tuple(
    fc.stringMatching(/^[a-z][a-z0-9-]{0,6}$/),
    fc.oneof(fc.nat(30).map(String), fc.stringMatching(/^[0-9]{0,17}$/)),
  )
  .map(([prefix, digits]) => prefix + digits)
const names = fc.array(name, { maxLength: 60 })

test('expanding what was compressed gives the same names', () => {
  fc.assert(
    fc.property(names, (list) => {
      const back = expandHostlist(compressHostlist(list))
      assert.deepEqual([...back].sort(), [...new Set(list)].sort())
    }),
  )
})

test('compressing does not depend on order or duplicates, and what was compressed stays as it is', () => {
  const words = (text: string) => splitWords(text).sort()
  fc.assert(
    fc.property(names, fc.infiniteStream(fc.nat()), (list, draws) => {
      const compressed = compressHostlist(list)
      assert.equal(compressHostlist(expandHostlist(compressed)), compressed)
      const shuffled = [...list, ...list]
        .map((each) => ({ each, key: draws.next().value }))
        .sort((a, b) => a.key - b.key)
        .map(({ each }) => each)
      assert.deepEqual(words(compressHostlist(shuffled)), words(compressed))
      assert.equal(new Set(expandHostlist(compressed)).size, expandHostlist(compressed).length)
    }),
  )
})

/** A hostlist with up to three brackets a word, the names that it stands for, and whether a word goes on after its last bracket. */
const range = fc.tuple(fc.nat(120), fc.nat(4), fc.integer({ min: 1, max: 4 })).map(([low, more, width]) => {
  const digits = Array.from({ length: more + 1 }, (_, index) => String(low + index).padStart(width, '0'))
  return { text: more === 0 ? digits.join('') : `${digits[0]}-${digits.at(-1)}`, digits }
})
const bracket = fc.array(range, { minLength: 1, maxLength: 3 }).map((ranges) => ({
  text: `[${ranges.map(({ text }) => text).join(',')}]`,
  values: ranges.flatMap(({ digits }) => digits),
}))
const literal = fc.stringMatching(/^[a-z]{1,3}-?$/).map((text) => ({ text, values: [text] }))
const word = fc
  .tuple(fc.array(fc.tuple(literal, bracket), { maxLength: 3 }), fc.option(literal, { nil: null }))
  .map(([pairs, last]) => [...pairs.flat(), ...(last ? [last] : [])])
  .filter((parts) => parts.length > 0)
  .map((parts) => ({
    text: parts.map(({ text }) => text).join(''),
    names: parts.reduce<string[]>(
      (all, { values }) => all.flatMap((name) => values.map((value) => name + value)),
      [''],
    ),
    slurm: parts.length === 1 || parts.at(-1)?.text.startsWith('[') === true,
  }))
  .filter((each) => each.names.length <= 500)
const hostlist = fc.array(word, { minLength: 1, maxLength: 4 }).map((list) => ({
  text: list.map(({ text }) => text).join(','),
  names: list.flatMap((each) => each.names),
  slurm: list.every((each) => each.slurm),
}))

test('a hostlist with any brackets stands for all combinations, the last bracket running fastest', () => {
  fc.assert(
    fc.property(hostlist, ({ text, names: expected }) => {
      assert.deepEqual(expandHostlist(text), expected)
      assert.deepEqual(expandHostlist(compressHostlist(expected)).sort(), [...new Set(expected)].sort())
    }),
  )
})

test('Slurm reads our hostlists as we do, and we read the ones that it writes', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-hostlist-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const conf = join(folder, 'slurm.conf')
  writeFileSync(conf, 'ClusterName=x\nSlurmctldHost=localhost\nNodeName=n\nPartitionName=p Nodes=n\n')
  const scontrol = (what: string, text: string) =>
    execFileSync('scontrol', ['show', what, text], { env: { ...process.env, SLURM_CONF: conf } })
      .toString()
      .trim()
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 20 }), (list) => {
      const ours = compressHostlist(list)
      assert.deepEqual(scontrol('hostnames', ours).split('\n'), expandHostlist(ours))
      // Not `hostlistsorted`: that of Slurm 22.05 loses names, z-0 of z-0,z-3000000000.
      const theirs = scontrol('hostlist', list.join(','))
      assert.deepEqual([...new Set(expandHostlist(theirs))].sort(), [...new Set(list)].sort())
    }),
    { numRuns: 25 },
  )
  // Slurm reads nothing after the last bracket of a word; it prints no such thing either. Of three brackets it lets the
  // first run before the second; names have no order for us.
  fc.assert(
    fc.property(
      hostlist.filter(({ slurm }) => slurm),
      ({ text }) => {
        const theirs = scontrol('hostnames', text).split('\n')
        assert.deepEqual(theirs.sort(), expandHostlist(text).sort())
      },
    ),
    { numRuns: 25 },
  )
})

function splitWords(text: string): string[] {
  return text.split(/,(?![^[]*\])/)
}
