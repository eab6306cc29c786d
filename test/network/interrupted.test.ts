import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { CausewayError } from '../../src/base/errors.ts'
import type { ExecOptions, ExecResult, Host } from '../../src/base/host.ts'
import { removeOverlay } from '../../src/network/apply.ts'
import { kernelPart } from '../../src/network/kernel/kernel-part.ts'
import { applyKernel, damage, heldAndFresh, machine, overlays, plug } from './any-overlay.ts'
import type { FakeKernel } from './fake-kernel.ts'
import { sample, withIpv6 } from './sample.ts'

/** A host that is cut off after so many written lines: the rest of that batch, and all that follows, never arrives. */
class CutHost implements Host {
  readonly name = 'east'
  readonly #kernel: FakeKernel
  #left: number

  constructor(kernel: FakeKernel, lines: number) {
    this.#kernel = kernel
    this.#left = lines
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    if (argv.includes('-force')) return this.#lines(argv, String(options.stdin).trimEnd().split('\n'))
    // A transaction of nft, and a line of settings, is done or is not.
    if (argv.includes('-f') || argv.includes('-w')) this.#left--
    return this.#left < 0 ? this.#fail() : this.#kernel.exec(argv, options)
  }

  async close(): Promise<void> {}

  async #lines(argv: readonly string[], lines: readonly string[]): Promise<ExecResult> {
    const arrive = lines.slice(0, Math.max(0, this.#left))
    this.#left -= lines.length
    const result = await this.#kernel.exec(argv, { stdin: `${arrive.join('\n')}\n` })
    return this.#left < 0 ? this.#fail() : result
  }

  #fail(): never {
    throw new CausewayError('HostUnreachable', 'east: the line is cut')
  }
}

/** Applies as far as the line holds; whether it did to the end. */
async function applyCut(
  kernel: FakeKernel,
  overlay: Parameters<typeof applyKernel>[1],
  lines: number,
): Promise<boolean> {
  try {
    await applyKernel(new CutHost(kernel, lines), overlay)
    return true
  } catch (thrown) {
    assert.ok(thrown instanceof CausewayError && thrown.code === 'HostUnreachable', String(thrown))
    return false
  }
}

describe('an interrupted apply', () => {
  it('is completed by the next, after whatever line it was cut off', async () => {
    const both = withIpv6(sample)
    let isWhole = false
    let lines = 0
    for (; !isWhole; lines++) {
      const kernel = await machine()
      isWhole = await applyCut(kernel, both, lines)
      const report = await applyKernel(kernel, both)
      assert.deepEqual([...report.failures, ...report.missing], [], `cut after ${lines}`)
      await plug(kernel)
      await applyKernel(kernel, both)
      const [held, fresh] = await heldAndFresh(kernel, both)
      assert.equal(held, fresh, `cut after ${lines}`)
    }
    assert.ok(lines > 20, `only ${lines} lines were tried`)
  })

  it('is completed by the next, between any two overlays, whatever else happens to the gateway', async () => {
    const upset = fc.oneof(damage, fc.constant('reboot'))
    const cuts = fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(
        overlays,
        overlays,
        cuts,
        fc.array(upset, { maxLength: 3 }),
        async (first, second, cut, upsets) => {
          let kernel = await machine()
          await applyKernel(kernel, first)
          await plug(kernel)
          for (const lines of cut) await applyCut(kernel, second, lines)
          for (const one of upsets) {
            if (one === 'reboot') kernel = await machine()
            else await kernel.exec(one.split(' '))
          }
          const report = await applyKernel(kernel, second)
          assert.deepEqual([...report.failures, ...report.missing], [])
          await plug(kernel)
          await applyKernel(kernel, second)
          assert.deepEqual((await applyKernel(kernel, second)).commands, [])
          const [held, fresh] = await heldAndFresh(kernel, second)
          assert.equal(held, fresh)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('and an interrupted removal leave nothing that the next removal does not find', async () => {
    await fc.assert(
      fc.asyncProperty(overlays, fc.nat({ max: 60 }), fc.nat({ max: 3 }), async (overlay, applied, removed) => {
        const kernel = await machine()
        await applyCut(kernel, overlay, applied)
        await removeOverlay(new CutHost(kernel, removed), 77, [kernelPart]).catch(() => null)
        const report = await removeOverlay(kernel, 77, [kernelPart])
        assert.deepEqual([...report.failures, ...report.missing], [])
        assert.deepEqual((await removeOverlay(kernel, 77, [kernelPart])).commands, [])
        assert.ok(![...kernel.devices.devices.keys()].some((name) => /^cwx?77$/.test(name)))
        assert.deepEqual(
          kernel.devices.entries.filter((one) => one.master === 'cw77'),
          [],
        )
      }),
      { numRuns: 100 },
    )
  })
})
