import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Host } from '../../src/base/host.ts'
import { silentLog } from '../../src/base/log.ts'
import { driversOf } from '../../src/cli/drivers.ts'
import { contradictions } from '../../src/config/contradictions.ts'
import { ControllerConfigSchema } from '../../src/config/controller-schema.ts'
import { parseYaml } from '../../src/config/yaml.ts'
import { headGateway } from '../../src/elastic/overlay-from-nodes.ts'
import { configText } from '../support/controller-config.ts'
import { machineSpec } from '../support/machine-spec.ts'

/** A configuration whose site east has a driver. */
function configured(driver: string) {
  const nodes = 'types: { big: { maximum: 2, cpus: 2, memory: 1500MiB, pool: 10.77.1.0/24 } }'
  const text = configText({ driver, nodes })
  return parseYaml(text, 'causeway.yaml', ControllerConfigSchema, contradictions)
}

/** A host that takes down what it was asked, and does nothing. */
function recorder(name: string, asked: { host: string; argv: readonly string[]; stdin: string }[]): Host {
  return {
    name,
    exec: (argv, options) => {
      asked.push({ host: name, argv, stdin: String(options?.stdin ?? '') })
      return Promise.resolve({ code: 66, stdout: '', stderr: 'no image' })
    },
    close: () => Promise.resolve(),
  }
}

describe('a site with `driver: { kind: command }`', () => {
  for (const [at, host] of [
    ['', 'head'],
    ['at: gateway,', 'east'],
  ]) {
    test(`runs its program on ${host}, with the settings of site and type, not faster than its pace`, async () => {
      const pace = 'pace: { inFlight: 1, perSecond: 100, burst: 1 }'
      const settings = 'settings: { zone: a, disk: 10 }, types: { big: { disk: 20 } }'
      const driver = `{ kind: command, ${at} program: [/opt/driver, --fast], image: golden, timeout: 7s, ${settings}, ${pace} }`
      const asked: { host: string; argv: readonly string[]; stdin: string }[] = []
      const hosts = new Map([
        [headGateway, recorder('head', asked)],
        ['east', recorder('east', asked)],
      ])
      const east = driversOf(configured(driver), hosts, silentLog).get('east')
      assert.ok(east)
      const missing = assert.rejects(east.create(machineSpec('a', { type: 'big' })), { code: 'ImageMissing' })
      const [first, second] = [assert.rejects(east.list()), assert.rejects(east.list())]
      await Promise.all([missing, first, second])
      // Two lists that waited were one.
      assert.deepEqual(
        asked.map(({ host: where, argv }) => [where, ...argv.slice(-3)]),
        [
          [host, '/opt/driver', '--fast', 'create'],
          [host, '/opt/driver', '--fast', 'list'],
        ],
      )
      assert.deepEqual(asked[0]?.argv.slice(0, 4), ['timeout', '-k', '5', '7'])
      assert.partialDeepStrictEqual(JSON.parse(asked[0]?.stdin ?? ''), { settings: { zone: 'a', disk: 20 } })
      await east.close()
    })
  }

  const wrong: [driver: string, message: RegExp][] = [
    [
      '{ kind: command, program: [d], image: x, types: { small: {} } }',
      /driver\.types\.small: the site has no node type of this name; it has big/,
    ],
    ['{ kind: command, image: x }', /sites\.east\.driver\.program: missing; expected a list: the program/],
    ['{ kind: command, program: [], image: x }', /driver\.program: expected a list: the program and its arguments/],
    ['{ kind: command, program: /opt/driver, image: x }', /driver\.program: expected a list/],
    ['{ kind: command, program: [d], image: x, at: site }', /driver\.at: expected "head" or "gateway", got "site"/],
    ['{ kind: command, program: [d], image: x, pace: { inFlight: 0 } }', /driver\.pace\.inFlight: expected a whole/],
  ]
  for (const [driver, message] of wrong) {
    test(`is refused: ${driver}`, () => assert.throws(() => configured(driver), { code: 'InvalidConfig', message }))
  }
})
