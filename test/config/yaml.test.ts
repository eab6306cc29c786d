import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Type } from 'typebox'
import { Duration, Size } from '../../src/config/units.ts'
import { loadYaml, parseYaml } from '../../src/config/yaml.ts'

const schema = Type.Object({
  name: Type.String({ pattern: '^[a-z]+$', expected: 'a name of lower-case letters' }),
  poll: Duration({ default: '15s' }),
  sites: Type.Record(
    Type.String(),
    Type.Object({
      idle: Duration(),
      memory: Type.Optional(Size()),
      count: Type.Optional(Type.Integer({ minimum: 0, maximum: 9 })),
      driver: Type.Union([
        Type.Object({ kind: Type.Literal('namespace'), image: Type.String() }),
        Type.Object({ kind: Type.Literal('command'), argv: Type.Array(Type.String()) }),
      ]),
    }),
  ),
})

/** The messages of the problems that `text` has, one a line. */
function problemsOf(text: string): string[] {
  try {
    parseYaml(text, 'c.yaml', schema)
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'InvalidConfig')
    return (error as Error).message.split('\n')
  }
  return []
}

const good = `name: lab
sites:
  east:
    idle: 20s
    memory: 1500MiB
    driver: { kind: namespace, image: /x }
`

test('a right file is decoded, with defaults', () => {
  assert.deepEqual(parseYaml(good, 'c.yaml', schema), {
    name: 'lab',
    poll: 15_000,
    sites: { east: { idle: 20_000, memory: 1_572_864_000, driver: { kind: 'namespace', image: '/x' } } },
  })
})

test('a wrong unit is reported with file, line, column, path, what was expected and what was there', () => {
  const [problem, ...more] = problemsOf(good.replace('20s', '20 parsecs'))
  assert.match(
    problem ?? '',
    /^c\.yaml:4:11: sites\.east\.idle: expected a duration such as "20s".*, got "20 parsecs"$/,
  )
  assert.deepEqual(more, [])
})

test('an unknown key is refused at its own place, whatever level it is on', () => {
  assert.deepEqual(problemsOf(`${good}colour: red\n`), [
    'c.yaml:7:1: colour: unknown key; known here: name, poll, sites',
  ])
  assert.deepEqual(problemsOf(good.replace('image: /x', 'image: /x, size: 3')), [
    'c.yaml:6:43: sites.east.driver.size: unknown key; known here: kind, image',
  ])
})

test('all problems are reported at once, in the order of the file', () => {
  const problems = problemsOf(`name: Lab9
poll: 5
sites:
  east:
    idel: 3s
    count: 12
    driver: { kind: namspace }
  west:
    idle: 1h
    memory: lots
    driver: { kind: command, argv: [a, 7] }
`)
  assert.deepEqual(
    problems.map((line) => line.replace(/\(.*\)/, '(...)')),
    [
      'c.yaml:1:7: name: expected a name of lower-case letters, got "Lab9"',
      'c.yaml:2:7: poll: expected a duration such as "20s" or "5m" (...), got 5',
      'c.yaml:5:5: sites.east.idel: unknown key; known here: idle, memory, count, driver',
      'c.yaml:5:5: sites.east.idle: missing; expected a duration such as "20s" or "5m" (...)',
      'c.yaml:6:12: sites.east.count: expected a whole number at least 0 at most 9, got 12',
      'c.yaml:7:21: sites.east.driver.kind: expected "namespace" or "command", got "namspace"',
      'c.yaml:10:13: sites.west.memory: expected a size such as "1500MiB" or "2GB" (...), got "lots"',
      'c.yaml:11:40: sites.west.driver.argv[1]: expected a text, got 7',
    ],
  )
})

test('broken YAML, doubled keys and empty files are reported with their place', () => {
  assert.match(problemsOf('name: [1\n')[0] ?? '', /^c\.yaml:\d+:\d+: /)
  assert.match(problemsOf('name: a\nname: b\n')[0] ?? '', /^c\.yaml:2:1: .*unique/)
  assert.deepEqual(problemsOf(''), [
    'c.yaml:1:1: name: missing; expected a name of lower-case letters',
    'c.yaml:1:1: sites: missing; expected a map',
  ])
  assert.match(problemsOf('- 1\n')[0] ?? '', /^c\.yaml:1:1: expected a map, got a list$/)
})

test('a key that would reach an object prototype is just an unknown key', () => {
  assert.match(problemsOf(`${good}__proto__: { x: 1 }\n`)[0] ?? '', /^c\.yaml:7:1: __proto__: unknown key/)
})

test('a file is read from disk, and one that is not there is named', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'causeway-yaml-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'c.yaml'), good)
  assert.equal((await loadYaml(join(folder, 'c.yaml'), schema)).name, 'lab')
  await assert.rejects(loadYaml(join(folder, 'd.yaml'), schema), { code: 'InvalidConfig', message: /d\.yaml: cannot/ })
})
