import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { desiredState } from '../../src/network/kernel/desired-state.ts'
import { diff } from '../../src/network/kernel/diff.ts'
import { readGateway } from '../../src/network/kernel/read.ts'
import type { Gateway, Overlay } from '../../src/network/overlay.ts'
import { applyKernel, damage, heldAndFresh, machine, overlays, plug } from './any-overlay.ts'
import { bareOverlay, gateway, sample, withIpv6 } from './sample.ts'

function east(given: Partial<Gateway>): Overlay {
  const gateways = [gateway('head', '10.250.0.2', '10.77.0.1'), gateway('east', '10.250.1.2', '10.77.1.254', given)]
  return { ...bareOverlay, gateways }
}

/** Its ports are left alone when a bridge is deleted, and the one by which nodes joined goes as the host begins to route IPv6. */
const withoutTheBridge: [Overlay, ['ip link del dev cw77'], Overlay] = [
  east({ joins: true }),
  ['ip link del dev cw77'],
  withIpv6(east({ routes: true })),
]

describe('applying', () => {
  it('leads from any state to the same one, in one step, and then has nothing to do', async () => {
    await fc.assert(
      fc.asyncProperty(overlays, fc.array(damage, { maxLength: 6 }), overlays, async (first, accidents, second) => {
        const kernel = await machine()
        await applyKernel(kernel, first)
        await plug(kernel)
        await applyKernel(kernel, first)
        for (const accident of accidents) await kernel.exec(accident.split(' '))
        const report = await applyKernel(kernel, second)
        assert.deepEqual(report.failures, [], 'nothing is refused')
        await plug(kernel)
        await applyKernel(kernel, second)
        assert.deepEqual((await applyKernel(kernel, second)).commands, [])
        const [held, fresh] = await heldAndFresh(kernel, second)
        assert.equal(held, fresh)
      }),
      { numRuns: 200, examples: [withoutTheBridge] },
    )
  })

  it('adds before it deletes', async () => {
    await fc.assert(
      fc.asyncProperty(overlays, overlays, async (first, second) => {
        const kernel = await machine()
        await applyKernel(kernel, first)
        const { ip, bridge } = diff(await readGateway(kernel, 77), desiredState(second, 'east'))
        for (const lines of [ip.filter((line) => line.startsWith('neigh')), bridge]) {
          const deletes = lines.map((line) => line.includes(' del '))
          assert.deepEqual(
            deletes,
            deletes.toSorted((a, b) => Number(a) - Number(b)),
          )
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('exchanges with the host', () => {
  it('are five reads and no write when nothing differs', async () => {
    const kernel = await machine()
    await applyKernel(kernel, sample)
    kernel.calls.length = 0
    await applyKernel(kernel, sample)
    assert.deepEqual(
      kernel.calls.map((argv) => argv[0]),
      ['ip', 'bridge', 'nft', 'nft', 'sysctl'],
    )
    assert.deepEqual(kernel.writes, [])
  })

  it('are one write to each program that has something to change', async () => {
    const kernel = await machine()
    await applyKernel(kernel, sample)
    assert.deepEqual([...kernel.writes].sort(), ['bridge', 'ip', 'nft', 'sysctl'])
    kernel.calls.length = 0
    await kernel.exec(['bridge', 'fdb', 'flush', 'dev', 'cwx77'])
    await applyKernel(kernel, sample)
    assert.deepEqual(kernel.writes, ['bridge'])
  })

  it('write nothing when reading fails', async () => {
    const kernel = await machine()
    const written: string[] = []
    const broken = {
      name: 'east',
      exec: async (argv: readonly string[], options = {}) => {
        if (argv.includes('-force') || argv.includes('-w')) written.push(argv.join(' '))
        const result = await kernel.exec(argv, options)
        return argv[0] === 'bridge' ? { ...result, stdout: '[{"mac":' } : result
      },
      close: () => kernel.close(),
    }
    await assert.rejects(applyKernel(broken, sample), { code: 'MalformedOutput' })
    assert.deepEqual(written, [])
  })
})
