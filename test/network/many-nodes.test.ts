import assert from 'node:assert/strict'
import { it } from 'node:test'
import { formatIpv4 } from '../../src/base/ipv4.ts'
import { applyGateway, removeOverlay } from '../../src/network/apply.ts'
import { kernelPart } from '../../src/network/kernel/kernel-part.ts'
import type { Overlay } from '../../src/network/overlay.ts'
import { NetnsHost } from './netns-host.ts'
import { bareOverlay, gateway, member, withIpv6 } from './sample.ts'

/** Two sites, and so many nodes behind the other one. */
function overlayOf(nodes: number): Overlay {
  const first = 0x0a4d_2000
  return withIpv6({
    ...bareOverlay,
    gateways: [gateway('east', '10.250.1.2', '10.77.1.254'), gateway('west', '10.250.2.2', '10.77.2.254')],
    members: Array.from({ length: nodes }, (_, k) =>
      member(`west-${k}`, formatIpv4(first + k), 'west', `cwp${k.toString(16).padStart(8, '0')}`),
    ),
  })
}

it('a kernel takes the entries of thousands of nodes in one apply, and of one more in four lines', async (t) => {
  const nodes = 4000
  const host = await NetnsHost.create('east')
  t.after(() => host.close())
  const apply = (overlay: Overlay) => applyGateway(host, overlay, 'east', [kernelPart])

  const report = await apply(overlayOf(nodes))
  assert.deepEqual([report.failures, report.missing], [[], []])
  assert.ok(report.commands.join('\n').length > 10 * 65_536, 'more than a pipe takes')
  assert.deepEqual((await apply(overlayOf(nodes))).commands, [])

  const added = await apply(overlayOf(nodes + 1))
  assert.deepEqual(
    added.commands.map((command) => command.split(' ').slice(0, 3).join(' ')),
    ['ip neigh replace', 'ip neigh replace', 'bridge fdb replace', 'bridge fdb replace'],
  )
  const gone = await apply(overlayOf(0))
  assert.deepEqual([gone.failures, gone.missing, gone.commands.length], [[], [], 4 * (nodes + 1)])
  assert.deepEqual((await removeOverlay(host, 77, [kernelPart])).failures, [])
})
