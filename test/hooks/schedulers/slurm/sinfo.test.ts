import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isOurs, parseSinfo } from '../../../../src/hooks/schedulers/slurm/sinfo.ts'

const sample = (name: string) => readFileSync(new URL(`samples/${name}.txt`, import.meta.url), 'utf8')

/** A node in the words that `sinfo -o %T` has no room for: power, then what is true of it. */
function describe(text: string): string[] {
  return parseSinfo(text).map((node) => {
    const facts = ['responding', 'busy', 'drained', 'down'] as const
    return [node.name, node.power, ...facts.filter((fact) => node[fact]), node.reason && `(${node.reason})`]
      .filter(Boolean)
      .join(' ')
  })
}
const parseOne = (state: unknown, flags: unknown, reason = '') =>
  parseSinfo(
    JSON.stringify({ errors: [], nodes: [{ name: 'n1', state, state_flags: flags, reason, features: 'a,b' }] }),
  )[0]

test('recorded nodes are read one by one', () => {
  assert.deepEqual(describe(sample('a-sinfo')), [
    'sn1 present responding busy',
    'sn2 present responding busy',
    'sn3 absent down (ResumeTimeout reached)',
    'sn4 wanted busy',
    'dyn1 present responding busy drained (draining busy)',
    'dyn3 present responding busy',
    'dyn2 present responding busy',
    'dyn4 present responding busy',
    'dyn6 present',
    'dyn5 present responding drained (shrink: drained idle)',
  ])
  assert.deepEqual(describe(sample('b-sinfo')).slice(2, 4), [
    'sn3 absent down (ResumeTimeout reached)',
    'sn4 absent down (ResumeTimeout reached)',
  ])
  assert.equal(describe(sample('b-sinfo'))[8], 'dyn6 present down (Not responding)')
})

/** Each pair of base state and flags that was seen on a real slurmctld, see docs/design/003-slurm-states.md. */
const seen: readonly [string, string, string][] = [
  ['idle', 'CLOUD POWERED_DOWN', 'absent'],
  ['idle', 'CLOUD POWERED_DOWN NOT_RESPONDING', 'absent'],
  ['idle', 'CLOUD POWER_UP POWERED_DOWN', 'wanted'],
  ['mixed', 'CLOUD POWERED_DOWN', 'wanted busy'],
  ['allocated', 'CLOUD NOT_RESPONDING POWERING_UP', 'wanted busy'],
  ['idle', 'CLOUD NOT_RESPONDING POWERING_UP', 'wanted'],
  ['idle', 'CLOUD POWER_UP', 'present responding'],
  ['idle', 'CLOUD', 'present responding'],
  ['idle', 'CLOUD NOT_RESPONDING', 'present'],
  ['idle', 'CLOUD COMPLETING POWER_DOWN', 'leaving responding busy'],
  ['mixed', 'CLOUD POWER_DOWN', 'leaving responding busy'],
  ['idle', 'CLOUD POWERING_DOWN', 'leaving responding'],
  ['idle', 'CLOUD DRAIN POWERED_DOWN', 'absent drained'],
  ['idle', 'CLOUD DRAIN POWER_DOWN NOT_RESPONDING', 'leaving drained'],
  ['down', 'CLOUD NOT_RESPONDING', 'present down'],
  ['down', 'CLOUD POWERED_DOWN', 'absent down'],
  ['unknown', 'CLOUD', 'present'],
]

for (const [base, flags, expected] of seen) {
  test(`${base} with ${flags} is ${expected}`, () => {
    const node = parseOne(base, flags.split(' '))
    const facts = (['responding', 'busy', 'drained', 'down'] as const).filter((fact) => node?.[fact])
    assert.equal([node?.power, ...facts].join(' '), expected)
    assert.equal(node?.powerDownPending, flags.split(' ').includes('POWER_DOWN'))
    assert.deepEqual(
      parseOne(
        [base, ...flags.split(' ')].map((word) => word.toUpperCase()),
        undefined,
      ),
      node,
    )
  })
}

test('a reason counts only while the node is drained or down', () => {
  assert.equal(parseOne('idle', ['CLOUD', 'POWERED_DOWN'], 'causeway: idle')?.reason, '')
  const node = parseOne('idle', ['CLOUD', 'DRAIN'], 'causeway: idle')
  assert.equal(node?.reason, 'causeway: idle')
  assert.ok(node && isOurs(node))
  const admins = parseOne('idle', ['CLOUD', 'DRAIN'], 'not causeway: a disk')
  assert.ok(admins && !isOurs(admins))
})

test('what is not a list of nodes is no empty one', () => {
  for (const text of [
    '',
    '{}',
    '{"nodes":[{"name":"n1"}]}',
    '{"nodes":[{"state":"idle"}]}',
    sample('a-sinfo').slice(0, 900),
  ]) {
    assert.throws(() => parseSinfo(text), { code: 'MalformedOutput' }, text.slice(0, 30))
  }
  assert.throws(() => parseOne('flying', []), { code: 'MalformedOutput' })
  assert.throws(() => parseSinfo('{"errors":[{"error":"Unspecified error","errno":-1}],"nodes":[]}'), {
    code: 'SchedulerUnreachable',
  })
})

test('that a job is planned on a node is read', () => {
  assert.equal(parseOne('idle', ['DRAIN', 'DYNAMIC_NORM', 'PLANNED'])?.planned, true)
  assert.equal(parseOne('idle', ['DRAIN', 'DYNAMIC_NORM'])?.planned, false)
})
