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
      const theirs = scontrol('hostlistsorted', list.join(','))
      assert.deepEqual([...new Set(expandHostlist(theirs))].sort(), [...new Set(list)].sort())
    }),
    { numRuns: 25 },
  )
})
