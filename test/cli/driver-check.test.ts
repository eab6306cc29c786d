import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { showFinding } from '../../src/cli/driver-check.ts'
import type { Finding } from '../../src/sites/command/check/check.ts'
import { driverPromises } from '../../src/sites/command/check/promises.ts'
import { bootDisk } from '../support/boot-disk.ts'
import { ScratchSite } from '../support/scratch-site.ts'

const root = join(import.meta.dirname, '../..')

function check(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const argv = [join(root, 'src/main.ts'), 'driver', 'check', ...args]
    execFile(process.execPath, argv, (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }))
  })
}

test('a finding is a line, and why and what to do where it is not well', () => {
  const finding = { name: 'list', promise: '`list` answers', why: 'it printed nothing', remedy: 'print a document' }
  assert.equal(showFinding({ ...finding, result: 'kept' }), 'ok       list: `list` answers\n')
  const shown = '  list: `list` answers\n         it printed nothing\n         -> print a document\n'
  assert.equal(showFinding({ ...finding, result: 'broken' }), `FAILED ${shown}`)
  assert.equal(showFinding({ ...finding, result: 'untried' }), `untried${shown}`)
})

describe('causeway driver check', () => {
  let site: ScratchSite
  let folder: string
  before(async () => {
    site = await ScratchSite.create()
    folder = await mkdtemp(join(tmpdir(), 'causeway-check-'))
    await writeFile(join(folder, 'disk.img'), bootDisk('hello\n'))
  })
  after(async () => {
    await site.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** The program of an example at the scratch site. */
  const example = (name: string) => ['--', ...site.argv(join(root, 'examples', name), '--state', '/mnt/machines')]

  for (const [name, image] of [
    ['driver-namespaces.py', () => '/'],
    ['driver-qemu', () => join(folder, 'disk.img')],
  ] as const) {
    test(`says that examples/${name} keeps every promise`, async () => {
      const options = ['--json', '--bridge', site.bridge, '--memory', '16', '--settings', '{"accel":"tcg"}']
      const { code, out, err } = await check(...options, '--image', image(), ...example(name))
      const findings = JSON.parse(out) as Finding[]
      assert.deepEqual(
        findings.filter(({ result }) => result !== 'kept'),
        [],
      )
      assert.equal(findings.length, driverPromises.length + 1)
      assert.equal(code, 0, err)
      assert.equal(await site.run('find /mnt/machines -mindepth 1 -not -path */.locks*'), '')
    })
  }

  test('says of a program that does not what is wrong, and ends with 1', async () => {
    const { code, out } = await check('--image', 'x', '--', 'sh', '-c', 'echo hello')
    assert.equal(code, 1)
    assert.match(out, /^FAILED {3}list: .*\n +head: sh list printed "hello.*\n +-> print \{"machines": \[\]\}/)
    assert.match(out, /^untried {2}listed: .*\n +there is no machine to try it on/m)
    assert.match(out, /0 of 22 promises are kept\n$/)
  })

  test('removes its machines also when it is interrupted', async () => {
    const argv = ['driver', 'check', '--bridge', site.bridge, '--image', '/', ...example('driver-namespaces.py')]
    const child = spawn(process.execPath, [join(root, 'src/main.ts'), ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    let out = ''
    let isInterrupted = false
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      out += String(chunk)
      // The second would end it at once.
      if (/^ok +create:/m.test(out) && !isInterrupted) isInterrupted = child.kill('SIGINT')
    }
    assert.deepEqual(await ended, [1, null])
    assert.match(out, /^ok +clean-up: .*\n\d+ of \d+ promises are kept; the others were not tried\n$/m)
    assert.doesNotMatch(out, /^ok +again:/m)
    assert.equal(await site.run('find /mnt/machines -mindepth 1 -not -path */.locks*'), '')
  })

  test('a wrong command line ends with 2', async () => {
    for (const wrong of [['--memory', '0'], ['--settings', '[]'], ['--timeout', 'soon'], []]) {
      const image = wrong.length > 0 ? ['--image', 'x'] : []
      assert.equal((await check(...image, ...wrong, '--', 'true')).code, 2)
    }
  })
})
