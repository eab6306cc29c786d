import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { CausewayError } from '../../../src/base/errors.ts'
import { ListAnswer, readAnswer } from '../../../src/sites/command/answers.ts'
import { CommandDriver, type CommandDriverOptions } from '../../../src/sites/command/command-driver.ts'
import { statusMeanings } from '../../../src/sites/command/protocol.ts'
import { LocalHost } from '../../../src/sites/local-host.ts'
import { machineSpec } from '../../support/machine-spec.ts'

const host = new LocalHost('head')
after(() => host.close())

/** A driver whose program is a few lines of shell; `$1` is what is asked. */
function driver(script: string, over: Partial<CommandDriverOptions> = {}): CommandDriver {
  const program = ['sh', '-c', script, 'driver']
  return new CommandDriver({ site: 'east', cluster: 'lab', host, program, timeoutMs: 30_000, ...over })
}

/** A driver whose program answers with a document. */
function answering(document: unknown): CommandDriver {
  return driver(`cat >/dev/null; printf %s '${JSON.stringify(document)}'`)
}

const machine = { id: 'a', name: 'east-1', cluster: 'lab', state: 'running', createdAtMs: 5 }
/** A machine, or almost one. */
const someMachine = fc.record(
  {
    id: fc.oneof(fc.string(), fc.integer()),
    name: fc.constant('east-1'),
    cluster: fc.constant('lab'),
    state: fc.constantFrom('running', 'stopped', 'STOPPED'),
    createdAtMs: fc.oneof(fc.nat(), fc.double(), fc.string()),
    host: fc.option(fc.string()),
  },
  { requiredKeys: ['name', 'cluster', 'state'] },
)
const whole = { ...machine, host: null, address: null, leaving: null }

describe('a program as a driver', () => {
  test('is asked by its last argument and one document, with settings of its own', async () => {
    // What it was asked comes back as the console's text.
    const echo = `exec jq -c --arg verb "$1" '{console: ({$verb} + . | tostring)}'`
    const asked = JSON.parse(await driver(echo, { settings: { key: 'k' } }).console('a')) as unknown
    const usual = { protocol: 'causeway-driver/1', site: 'east', cluster: 'lab', settings: { key: 'k' } }
    assert.deepEqual(asked, { verb: 'console', ...usual, id: 'a' })
  })

  test('create gets the machine, its NoCloud form, and the settings of its type over those of the site', async () => {
    const spec = machineSpec('a', { type: 'big' })
    const script = `exec jq -c '{machine: {id: .machine.id, name: (.noCloud.metaData | gsub("\\n"; " ")), cluster, state: "running",
      createdAtMs: (.settings.zone * 10 + .settings.disk), host: .machine.seed[0].path}}'`
    const made = await driver(script, { settings: { zone: 1, disk: 2 }, types: { big: { disk: 3 } } }).create(spec)
    assert.equal(made.createdAtMs, 13)
    assert.equal(made.host, 'boot')
    assert.match(made.name, /instance-id: "?a/)
  })

  test('has nothing in its environment but a path and a locale', async () => {
    assert.ok(Object.keys(process.env).length > 2)
    const text = await driver(`cat >/dev/null; env | jq -cRs '{console: .}'`).console('a')
    const names = text
      .split('\n')
      .map((line) => line.split('=')[0] ?? '')
      .filter((name) => !['', '_', 'PWD', 'OLDPWD', 'SHLVL'].includes(name))
    assert.deepEqual(names.toSorted(), ['LC_ALL', 'PATH'])
  })

  test('what it leaves out is filled in', async () => {
    assert.deepEqual(await answering({ machines: [machine] }).list(), { machines: [whole], unread: [] })
    const { hosts, offers, machinesLeft } = await answering({
      hosts: [{ host: 'h1', machines: 2 }],
      offers: [{ name: 'm1', cpus: 2, memoryMiB: 100 }],
    }).capacity()
    assert.deepEqual(hosts, [
      { host: 'h1', closed: null, cpus: null, memoryMiB: null, freeMemoryMiB: null, machines: 2 },
    ])
    assert.deepEqual(offers, [
      { name: 'm1', zone: null, cpus: 2, memoryMiB: 100, gpus: 0, pricePerHour: null, interruptible: false },
    ])
    assert.equal(machinesLeft, null)
  })

  test('hosts that it could not read are told on', async () => {
    const { unread } = await answering({ machines: [], unread: [{ host: 'h2', message: 'no route' }] }).list()
    assert.deepEqual(
      unread.map(({ host, error }) => [host, error.code, error.message]),
      [['h2', 'HostUnreachable', 'east: h2: no route']],
    )
  })

  test('of a console the end is kept', async () => {
    const text = await answering({ console: `${'ä'.repeat(40_000)}end` }).console('a')
    assert.ok(Buffer.byteLength(text) <= 65_536 && text.endsWith('äend'))
  })
})

describe('what a program answers is checked', () => {
  const wrong: [what: string, document: unknown, message: RegExp][] = [
    [
      'a field of another kind',
      { machines: [machine, { ...machine, id: 'b', createdAtMs: '5' }] },
      /machines\[1\]\.createdAtMs: expected whole milliseconds since the epoch, got "5"/,
    ],
    ['a field that is missing', { machines: [{ ...machine, name: undefined }] }, /machines\[0\]\.name: missing/],
    [
      'a state that there is not',
      { machines: [{ ...machine, state: 'ACTIVE' }] },
      /machines\[0\]\.state: expected "running" or "stopped", got "ACTIVE"/,
    ],
    [
      'a key that nobody knows',
      { machines: [{ ...machine, adress: '10.0.0.1' }] },
      /machines\[0\]\.adress: unknown key/,
    ],
    [
      'another cluster',
      { machines: [{ ...machine, cluster: 'other' }] },
      /machines\[0\]\.cluster: expected the asked cluster, "lab", got "other"/,
    ],
    ['an id that is there twice', { machines: [machine, machine] }, /machines\[1\]\.id: a is there twice/],
  ]
  for (const [what, document, message] of wrong) {
    test(what, () => assert.rejects(answering(document).list(), { code: 'MalformedOutput', retryable: false, message }))
  }

  test('text beside the document', async () => {
    const list = driver(`echo connecting; echo '{"machines":[]}'`).list()
    await assert.rejects(list, { code: 'MalformedOutput', message: /sh list printed "connecting.*and nothing else/ })
  })

  test('a machine that is not the one asked for, or does not run', async () => {
    const create = (over: object) => answering({ machine: { ...machine, ...over } }).create(machineSpec('a'))
    await assert.rejects(create({ id: 'b' }), { message: /machine\.id: expected "a", got "b"/ })
    await assert.rejects(create({ state: 'stopped' }), { message: /machine\.state: expected "running", got "stopped"/ })
  })

  test('whatever it is, it is taken or refused by name, and nothing else', () => {
    const anything = fc.oneof(
      fc.json().map((json) => `{"machines": [${json}]}`),
      fc.record({ machines: fc.array(someMachine) }).map((answer) => JSON.stringify(answer)),
      fc.string(),
    )
    fc.assert(
      fc.property(anything, (text) => {
        try {
          const { machines } = readAnswer('d list', ListAnswer, text)
          for (const { id, createdAtMs } of machines) assert.ok(id !== '' && Number.isSafeInteger(createdAtMs))
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'MalformedOutput')
        }
      }),
      { numRuns: 300 },
    )
  })

  test('more than anybody would read', async () => {
    const list = driver(`head -c 17000000 /dev/zero | tr '\\0' ' '; echo '{"machines":[]}'`).list()
    await assert.rejects(list, { code: 'MalformedOutput', message: /more than 16777216 bytes/ })
  })
})

describe('how a program ended', () => {
  for (const { status, code } of statusMeanings) {
    test(`status ${status} is ${code}`, async () => {
      const list = driver(`cat >/dev/null; echo it is so >&2; exit ${status}`).list()
      await assert.rejects(list, { code, message: new RegExp(`status ${status}: it is so`) })
    })
  }

  test('any other status is a failure', async () => {
    await assert.rejects(driver('exit 3').list(), { code: 'CommandFailed', message: /status 3: it does not say why/ })
  })

  test('an error document says why, and when to come again', async () => {
    const error = JSON.stringify({ error: { message: 'slow down', retryAfterMs: 1500 } })
    const list = driver(`echo '${error}'; echo noise >&2; exit 75`).list()
    await assert.rejects(list, (thrown: { code: string; message: string; facts: { retryAfterMs: number } }) => {
      assert.equal(thrown.code, 'RateLimited')
      assert.match(thrown.message, /slow down/)
      assert.doesNotMatch(thrown.message, /noise/)
      assert.equal(thrown.facts.retryAfterMs, 1500)
      return true
    })
  })

  test('a program that is not there', async () => {
    const list = driver('', { program: ['/no/such/driver'] }).list()
    await assert.rejects(list, { code: 'CommandFailed', message: /there is no such program.*see `program`/ })
  })

  test('one that takes too long is ended, with all that it started', async () => {
    const marker = `4${process.pid}.125`
    const delayed = driver(`sleep ${marker} & sleep ${marker}`, { timeoutMs: 300 }).delete('a')
    await assert.rejects(delayed, { code: 'CommandTimeout', retryable: true })
    const { stdout } = await host.exec(['ps', '-eo', 'stat=,args='])
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.endsWith(`sleep ${marker}`) && !line.startsWith('Z')),
      [],
    )
  })

  test('one that leaves a process behind with its standard output open is told what keeps it', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-left-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const message = async (timeoutMs: number) => {
      const pid = join(folder, String(timeoutMs))
      try {
        await driver(`setsid sleep 300 & echo $! >${pid}; echo '{}'`, { timeoutMs }).delete('a')
        return assert.fail('it is not told')
      } catch (error) {
        assert.ok(error instanceof CausewayError && error.code === 'CommandTimeout', String(error))
        return error.message
      } finally {
        if (existsSync(pid)) process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL')
      }
    }
    // Where a shell does not even start in this time, more of it is given.
    let said = ''
    for (const timeoutMs of [200, 5_000, 60_000]) {
      said = await message(timeoutMs)
      if (said.includes('left a process behind')) return
    }
    assert.fail(said)
  })
})
