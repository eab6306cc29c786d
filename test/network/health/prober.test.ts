import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExecOptions, Host } from '../../../src/base/host.ts'
import { Prober, parseEchoes } from '../../../src/network/health/prober.ts'

/** As the script printed it on a gateway with peers that answer, lose packets, and are not there. */
const recorded = `cw77 56 5 10.77.1.254 20.1 20.2 20.0 20.3 20.1
cw77 56 5 10.77.2.254 - 40.8 - 40.2 41.0
cw77 56 5 10.77.3.254 - - - - -
- 1472 2 10.250.1.2 20.4 20.2
- 1452 2 fd00:250::2 20.9 -
cw78 56 5 10.78.0.1 absent
`

test('what the script prints is read', () => {
  const found = parseEchoes(recorded)
  assert.deepEqual(found.get('cw77 56 5 10.77.1.254'), { sent: 5, rttsMs: [20.1, 20.2, 20, 20.3, 20.1] })
  assert.deepEqual(found.get('cw77 56 5 10.77.2.254'), { sent: 5, rttsMs: [40.8, 40.2, 41] })
  assert.deepEqual(found.get('cw77 56 5 10.77.3.254'), { sent: 5, rttsMs: [] })
  assert.deepEqual(found.get('- 1452 2 fd00:250::2'), { sent: 2, rttsMs: [20.9] })
  assert.deepEqual(found.get('cw78 56 5 10.78.0.1'), { sent: 5, rttsMs: [] }, 'no device, no way')
})

for (const [what, line] of [
  ['fewer results than packets', 'cw77 56 5 10.77.1.254 20.1 20.2'],
  ['more of them', 'cw77 56 1 10.77.1.254 20.1 20.2'],
  ['words', 'cw77 56 1 10.77.1.254 soon'],
  ['something else altogether', 'bash: no such file'],
] as const) {
  test(`${what}: malformed`, () => {
    assert.throws(() => parseEchoes(`${line}\n`), { code: 'MalformedOutput' })
  })
}

/** A host on which the script is there already, and answers as given. */
function host(answer: string): { host: Host; asked: string[] } {
  const asked: string[] = []
  const exec = async (argv: readonly string[], options: ExecOptions = {}) => {
    if (argv.at(-1) === 'probe') asked.push(String(options.stdin))
    return { code: 0, stdout: argv.at(-1) === 'probe' ? answer : '', stderr: '' }
  }
  return { host: { name: 'east', exec, close: async () => undefined }, asked }
}

test('packets are as long as asked for, headers included, in both families', async () => {
  const { host: east, asked } = host('- 1472 1 10.0.0.1 1.5\ncw77 1452 1 fd77::1 -\n')
  const found = await new Prober(east).probe([
    { device: null, address: '10.0.0.1', packet: 1500, count: 1 },
    { device: 'cw77', address: 'fd77::1', packet: 1500, count: 1 },
  ])
  assert.deepEqual(asked, ['- 1472 1 10.0.0.1\ncw77 1452 1 fd77::1\n'])
  assert.deepEqual(found, [
    { sent: 1, rttsMs: [1.5] },
    { sent: 1, rttsMs: [] },
  ])
})

test('a probe that nothing is said of is malformed, and no probes are no call', async () => {
  const { host: east, asked } = host('')
  const probe = { device: null, address: '10.0.0.1', packet: 84, count: 5 }
  await assert.rejects(new Prober(east).probe([probe]), { code: 'MalformedOutput' })
  assert.deepEqual(await new Prober(east).probe([]), [])
  assert.equal(asked.length, 1)
})
