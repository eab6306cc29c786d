import assert from 'node:assert/strict'
import { test } from 'node:test'
import { showNetwork } from '../../src/cli/network-show.ts'
import { someNetwork } from '../support/network-report.ts'

test('trouble comes first, then the gateways, then a matrix of the paths', () => {
  assert.equal(
    showNetwork(someNetwork),
    `10.77.0.0/16, VNI 77: static, not encrypted, MTU 1450 (1500 between gateways)
! east is not as wanted: no bridge
! east can't be asked for its paths: no route to host
! 5 % of all packets between head and east are lost
! from head to east only packets of up to 1400 bytes pass

GATEWAY  UNDERLAY    ADDRESS      STATE
head     10.250.0.2  10.77.0.1    applied
east     10.250.1.2  10.77.1.254  broken

FROM \\ TO  head  east
head       -     20.3 ms, 5 % lost, MTU 1400
east       ?     -`,
  )
})

test('a broken path is said and shown', () => {
  const paths = someNetwork.paths.map((path) => ({ ...path, state: 'broken' as const }))
  const text = showNetwork({ ...someNetwork, generation: 3, paths })
  assert.match(text, /encrypted with keys of generation 3/)
  assert.match(text, /! nothing comes back to head from east\n! nothing comes back to east from head/)
  assert.match(text, /head +- +BROKEN\neast +BROKEN +-/)
})

test('of very many gateways the paths are counted', () => {
  const gateways = Array.from({ length: 11 }, (_, i) => ({ ...someNetwork.gateways[0], name: `site-${i}` }) as never)
  assert.match(showNetwork({ ...someNetwork, gateways }), /\n2 paths: 1 good, 0 broken, 1 unknown$/)
})
