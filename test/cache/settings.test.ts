import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { originsOf } from '../../src/cache/origins.ts'
import { cacheSchema, contradictions, loadCacheSettings, splitListen } from '../../src/cache/settings.ts'
import { parseYaml } from '../../src/config/yaml.ts'
import { scratchFolder } from './start.ts'

const text = `listen: 0.0.0.0:3128
store: /var/cache/causeway-cache
accessLog: /var/log/causeway/cache.log
origins:
  mirror.lab: { address: 10.250.9.2, port: 8080 }
  deb.debian.org: {}
heartbeat: { table: causeway_77, set: cache_alive, port: 80 }
`

test('a full configuration, with what it leaves out filled in', () => {
  const settings = parseYaml(text, 'cache.yaml', cacheSchema)
  const families = ['ip']
  assert.deepEqual(settings.heartbeat, { table: 'causeway_77', set: 'cache_alive', port: 80, hold: 2000, families })
  assert.deepEqual(
    [...originsOf(settings).values()].map(({ host, scheme, address, port }) => ({ host, scheme, address, port })),
    [
      { host: 'mirror.lab', scheme: 'http', address: '10.250.9.2', port: 8080 },
      { host: 'deb.debian.org', scheme: 'http', address: 'deb.debian.org', port: 80 },
    ],
  )
  assert.deepEqual(splitListen(settings.listen), { host: '0.0.0.0', port: 3128 })
  assert.deepEqual(splitListen('[::1]:80'), { host: '::1', port: 80 })
})

test('what is wrong is named with its line', () => {
  const wrong: [RegExp | string, string, RegExp][] = [
    ['0.0.0.0:3128', '3128', /^c:1:9: listen: expected address:port, such as 0\.0\.0\.0:3128, got 3128$/],
    ['/var/cache', 'var/cache', /^c:2:8: store: expected the absolute path of a folder, got "var/],
    ['8080', '70000', /^c:5:44: origins\.mirror\.lab\.port: expected a port, 1 to 65535, got 70000$/],
    [
      'mirror.lab',
      'Mirror.lab',
      /^c:5:3: origins\.Mirror\.lab: this key is not allowed here; expected host names in lower/,
    ],
    ['causeway_77', '"x; flush ruleset"', /^c:7:21: heartbeat\.table: expected a name of letters, digits and _, got/],
    ['port: 80 }', 'port: 80, hold: 2 }', /^c:7:68: heartbeat\.hold: expected a duration such as "20s".*, got 2$/],
    [
      'port: 80 }',
      'port: 80, families: [inet] }',
      /^c:7:73: heartbeat\.families\[0\]: expected "ip" or "ip6", got "inet"/,
    ],
    [/origins:[^]*(?=heartbeat)/, 'origins: {}\n', /^c:4:10: origins: expected at least 1 entries$/],
  ]
  for (const [from, to, message] of wrong) {
    assert.throws(() => parseYaml(text.replace(from, to), 'c', cacheSchema), { code: 'InvalidConfig', message })
  }
})

test('a port that there is not is named too', async (t) => {
  const parse = (from: string, to: string) => parseYaml(text.replace(from, to), 'c', cacheSchema, contradictions)
  const wrong: [string, string, RegExp][] = [
    ['3128', '99999', /^c:1:9: listen: expected a port from 1 to 65535 after the colon, got 0\.0\.0\.0:99999$/],
    ['heartbeat', 'connect: [a.b:443, a.b:0]\nheartbeat', /^c:7:20: connect\[1\]: expected a port .* got a\.b:0$/],
  ]
  for (const [from, to, message] of wrong) {
    assert.throws(() => parse(from, to), { code: 'InvalidConfig', message })
  }
  assert.equal(parse('0.0.0.0:3128', '"[::]:65535"').listen, '[::]:65535')
  const file = join(await scratchFolder(t), 'cache.yaml')
  await writeFile(file, text.replace('3128', '99999'))
  await assert.rejects(loadCacheSettings(file), {
    code: 'InvalidConfig',
    message: /cache\.yaml:1:9: listen: expected a port/,
  })
})
