import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CausewayError } from '../../../src/base/errors.ts'
import type { ExecResult, Host } from '../../../src/base/host.ts'
import { checkCache, checkDriver } from '../../../src/cli/site/check-site.ts'
import { checkSites } from '../../../src/cli/site-check.ts'
import { FakeDriver, FakeSite } from '../../fakes/driver.ts'
import { someConfig } from '../../support/controller-config.ts'
import { machineSpec } from '../../support/machine-spec.ts'

const clock = { now: () => 1000 }

async function found(at: FakeSite, warnings: readonly string[] = []): Promise<string[]> {
  const driver = new FakeDriver({ site: 'east', cluster: 'lab', clock, at })
  const findings = await checkDriver(driver, 'lab', () => warnings)
  return findings.map(({ level, about, text }) => `${level} ${about}: ${text}`)
}

describe('checkDriver', () => {
  it('says how many machines there are and what room the hosts have', async () => {
    const at = new FakeSite(['h1', 'h2'])
    const driver = new FakeDriver({ site: 'east', cluster: 'lab', clock, at })
    for (const id of ['a', 'b']) await driver.create(machineSpec(id, { image: '/images/base' }))
    at.cutPower('b')
    const said = await found(at)
    assert.ok(said.includes('ok machines: 2 of cluster lab, 1 of them stopped'), said.join('\n'))
    assert.deepEqual(
      said.filter((line) => line.startsWith('ok room')).map((line) => line.slice(9, 11)),
      ['h1', 'h2'],
    )
  })

  it('finds a host that is dark, and goes on with the others', async () => {
    const at = new FakeSite(['h1', 'h2'])
    at.dark.add('h2')
    const said = await found(at)
    assert.match(said.join('\n'), /^bad machines: host h2 can't be read/m)
    assert.match(said.join('\n'), /^ok room: h1/m)
    assert.doesNotMatch(said.join('\n'), /room: h2/)
  })

  it('finds a site that refuses, one without any quota left, and passes on what the driver warns of', async () => {
    const refusing = new FakeSite()
    refusing.refusal = new CausewayError('Unauthorized', 'the key is not known here')
    assert.deepEqual(await found(refusing), ['bad machines: the key is not known here'])
    const full = new FakeSite()
    full.quota = 0
    assert.match((await found(full)).join('\n'), /^bad room: its quota is used up/m)
    assert.match(
      (await found(new FakeSite(), ['KVM does not work'])).join('\n'),
      /^warning machines: KVM does not work$/m,
    )
  })
})

describe('checkCache', () => {
  const cache = { port: 3128, origins: ['192.0.2.1'], warm: [], config: '/etc/c.yaml', program: 'causeway' }
  const asked: (readonly string[])[] = []
  const answering = (result: ExecResult): Host => ({
    name: 'east',
    exec: (argv) => {
      asked.push(argv)
      return Promise.resolve(result)
    },
    close: () => Promise.resolve(),
  })
  const level = async (result: ExecResult) => (await checkCache(answering(result), cache)).map((one) => one.level)

  it('asks the program on the gateway', async () => {
    assert.deepEqual(await level({ code: 0, stdout: '{}', stderr: '' }), ['ok'])
    assert.deepEqual(asked, [['causeway', 'cache', 'status', '--json', '--config', '/etc/c.yaml']])
    assert.deepEqual(await level({ code: 127, stdout: '', stderr: '' }), ['bad'])
    const [refused] = await checkCache(answering({ code: 1, stdout: '', stderr: 'causeway: no cache\n' }), cache)
    assert.deepEqual([refused?.level, refused?.text], ['bad', 'causeway: no cache'])
  })

  it('is a finding where the gateway is away, and where there is no cache', async () => {
    const away: Host = {
      ...answering({ code: 0, stdout: '', stderr: '' }),
      exec: () => Promise.reject(new CausewayError('HostUnreachable', 'east: no route')),
    }
    assert.deepEqual(
      (await checkCache(away, cache)).map(({ text }) => text),
      ['east: no route'],
    )
    assert.deepEqual(
      (await checkCache(away, undefined)).map((one) => one.level),
      ['warning'],
    )
  })
})

describe('checkSites', () => {
  it('refuses a name that is no site', async () => {
    await assert.rejects(checkSites(someConfig(), ['nowhere'], new Map()), {
      code: 'InvalidRequest',
      message: 'there is no site nowhere; there are east',
    })
  })
})
