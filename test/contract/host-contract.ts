import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { execChecked } from '../../src/base/exec.ts'
import type { Host } from '../../src/base/host.ts'

/** What every `Host` promises. `make` gives a fresh, open host on a machine with Debian's usual programs. */
export function hostContract(kind: string, make: () => Promise<Host>): void {
  const withHost = async (work: (host: Host) => Promise<void>) => {
    const host = await make()
    try {
      await work(host)
    } finally {
      await host.close()
    }
  }

  describe(`Host contract: ${kind}`, () => {
    it('keeps stdout, stderr and the exit status apart', () =>
      withHost(async (host) => {
        const result = await host.exec(['sh', '-c', 'echo out; echo err >&2; exit 7'])
        assert.deepEqual(result, { code: 7, stdout: 'out\n', stderr: 'err\n' })
      }))

    it('hands every argument on as it is', () =>
      withHost(async (host) => {
        const argument = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !text.includes('\0'))
        await fc.assert(
          fc.asyncProperty(fc.array(argument, { maxLength: 6 }), async (args) => {
            const stdout = await execChecked(host, ['printf', '%s\\0', 'first', ...args])
            assert.deepEqual(stdout.split('\0').slice(0, -1), ['first', ...args])
          }),
          { numRuns: 40 },
        )
      }))

    it('runs programs, not the builtins of a shell', () =>
      withHost(async (host) => {
        assert.equal((await host.exec(['eval', 'echo seen'])).code, 127)
        assert.equal((await host.exec(['/bin/echo', '$HOME', '`id`', '*', '-n'])).stdout, '$HOME `id` * -n\n')
      }))

    it('answers 127 for a program that does not exist and 126 for one that cannot be run', () =>
      withHost(async (host) => {
        assert.equal((await host.exec(['no-such-program-anywhere'])).code, 127)
        assert.equal((await host.exec(['/etc/passwd'])).code, 126)
      }))

    it('answers 128 and the number of the signal that ended a program', () =>
      withHost(async (host) => {
        assert.equal((await host.exec(['sh', '-c', 'kill -9 $$'])).code, 137)
        assert.equal((await host.exec(['sh', '-c', 'kill -TERM $$'])).code, 143)
      }))

    it('gives stdin as bytes, and an empty one by default', () =>
      withHost(async (host) => {
        const bytes = Buffer.alloc(300_000, 'abc\0é')
        const counted = await execChecked(host, ['sha256sum'], { stdin: bytes })
        const { createHash } = await import('node:crypto')
        assert.equal(counted.slice(0, 64), createHash('sha256').update(bytes).digest('hex'))
        assert.equal(await execChecked(host, ['cat']), '')
      }))

    it('bears a program that does not read its input', () =>
      withHost(async (host) => {
        assert.equal((await host.exec(['true'], { stdin: Buffer.alloc(4_000_000) })).code, 0)
      }))

    it('sets LC_ALL=C', () =>
      withHost(async (host) => {
        assert.equal((await execChecked(host, ['printenv', 'LC_ALL'])).trim(), 'C')
      }))

    it('carries large output whole', () =>
      withHost(async (host) => {
        const stdout = await execChecked(host, ['seq', '1', '400000'])
        assert.ok(stdout.endsWith('\n399999\n400000\n'))
        assert.equal(stdout.length, 2_688_895)
      }))

    it('gives up a program that prints without end', () =>
      withHost(async (host) => {
        await assert.rejects(host.exec(['cat', '/dev/zero']), { code: 'MalformedOutput' })
      }))

    it('gives up a program that does not end in time, and goes on with the next', () =>
      withHost(async (host) => {
        await assert.rejects(host.exec(['sleep', '600'], { timeoutMs: 200 }), { code: 'CommandTimeout' })
        assert.equal((await host.exec(['true'])).code, 0)
      }))

    it('runs overlapping calls, more than a connection has room for', () =>
      withHost(async (host) => {
        const numbers = Array.from({ length: 25 }, (_, index) => String(index))
        const answers = await Promise.all(
          numbers.map((n) => execChecked(host, ['sh', '-c', 'sleep 0.02; echo "$0"', n])),
        )
        assert.deepEqual(
          answers.map((answer) => answer.trim()),
          numbers,
        )
      }))

    it('refuses argument vectors that cannot be run faithfully', () =>
      withHost(async (host) => {
        for (const argv of [[], [''], ['A=b'], ['echo', 'a\0b']]) {
          await assert.rejects(host.exec(argv), { code: 'InvalidRequest' })
        }
      }))

    it('rejects after close, and rejects what was under way', async () => {
      const host = await make()
      await host.exec(['true'])
      const running = assert.rejects(host.exec(['sleep', '600']), { code: 'HostUnreachable' })
      await host.exec(['true'])
      await host.close()
      await running
      await assert.rejects(host.exec(['true']), { code: 'HostUnreachable' })
      await host.close()
    })

    it('fails loudly through execChecked', () =>
      withHost(async (host) => {
        await assert.rejects(execChecked(host, ['sh', '-c', 'echo no luck >&2; exit 3']), {
          code: 'CommandFailed',
          message: /status 3: no luck/,
        })
      }))
  })
}
