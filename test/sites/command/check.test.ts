import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkDriver, type Finding } from '../../../src/sites/command/check/check.ts'
import { driverPromises } from '../../../src/sites/command/check/promises.ts'
import { FakeProgram, type Fault, unreachableHost } from './fake-program.ts'

/** The promise that each fault breaks. */
const breaks: Record<Fault, string> = {
  'junk on stdout': 'list',
  'capacity without hosts': 'capacity',
  'ignores the command': 'unknown-command',
  'ignores the protocol': 'bad-document',
  'takes paths as ids': 'bad-id',
  'complains of what is gone': 'delete-unknown',
  'console of nothing': 'console-unknown',
  'any image': 'image-missing',
  'ignores avoidHosts': 'avoid-hosts',
  'forgets the name': 'create',
  'lists another time': 'listed',
  'counts nothing': 'counted',
  'makes it twice': 'create-again',
  'lists other clusters': 'clusters',
  'endless console': 'console',
  'only one at a time': 'several',
  'wrong host': 'hosts',
  'secret in argv': 'secrets',
  'stuck when killed': 'killed',
  'delete does nothing': 'delete',
  'port stays': 'again',
}

async function check(program: FakeProgram | typeof unreachableHost, keep = false): Promise<readonly Finding[]> {
  const told: Finding[] = []
  const { signal } = new AbortController()
  const machine = { type: 'standard', image: '/images/base', cpus: 1, memoryMiB: 64, bridge: 'cw1' }
  const options = { site: 'check', host: program, program: ['driver'], timeoutMs: 10_000, tag: 'abcd', machine }
  const findings = await checkDriver(options, { tell: (finding) => told.push(finding), keep, signal })
  assert.deepEqual(told, findings)
  return findings
}

describe('the check of driver programs', () => {
  test('finds nothing wrong with a program that keeps its promises, and leaves nothing behind', async () => {
    const program = new FakeProgram()
    const findings = await check(program)
    assert.deepEqual(
      findings.map(({ name, result, why }) => [name, result, why]),
      [...driverPromises.map(({ name }) => name), 'clean-up'].map((name) => [name, 'kept', '']),
    )
    assert.equal(program.machines.size, 0)
  })

  test('every promise is one that some fault breaks', () => {
    const names = driverPromises.map(({ name }) => name)
    assert.deepEqual(Object.values(breaks).toSorted(), names.toSorted())
  })

  for (const [fault, promise] of Object.entries(breaks) as [Fault, string][]) {
    test(`finds out of a program that ${fault}`, async () => {
      const program = new FakeProgram(fault)
      const finding = (await check(program)).find(({ name }) => name === promise)
      assert.equal(finding?.result, 'broken')
      assert.notEqual(finding?.why, '')
      assert.notEqual(finding?.remedy, '')
    })
  }

  test('what can be tried only on a machine is not said to be broken when none can be made', async () => {
    const findings = await check(unreachableHost)
    const results = new Set(findings.map(({ result }) => result))
    assert.deepEqual(results, new Set(['broken', 'untried']))
    for (const { name, needsMachine } of driverPromises) {
      assert.equal(findings.find((finding) => finding.name === name)?.result, needsMachine ? 'untried' : 'broken')
    }
  })

  test('removes its machines also when promises are broken, unless they are to be kept', async () => {
    const program = new FakeProgram('forgets the name')
    await check(program)
    assert.equal(program.machines.size, 0)
    const kept = new FakeProgram('forgets the name')
    await check(kept, true)
    assert.equal(kept.machines.size, 1)
  })
})
