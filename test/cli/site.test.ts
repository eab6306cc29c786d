import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leftText } from '../../src/cli/site-drain.ts'
import { showSites } from '../../src/cli/site-list.ts'
import type { SiteReport } from '../../src/elastic/site-keeper.ts'

const unknown = { closed: null, cpus: null, memoryMiB: null, freeMemoryMiB: null, machines: 0, nodes: 0, drain: null }

test('sites are listed with their hosts, their room and what is out of use', () => {
  const site: SiteReport = {
    site: 'east',
    reachable: true,
    trouble: '',
    drain: null,
    nodes: 2,
    machinesLeft: null,
    silence: '',
    hosts: [
      { ...unknown, host: 'h1', cpus: 16, memoryMiB: 64_000, freeMemoryMiB: 8000, nodes: 2 },
      { ...unknown, host: 'h2', drain: { reason: 'new disks', sinceMs: 0 } },
      { ...unknown, host: 'h3', closed: 'it does not answer' },
    ],
    breakers: [{ site: 'east', type: 'big', failures: 3, closedUntilMs: 70_000 }],
  }
  const cloud = {
    ...site,
    site: 'cloud',
    drain: { reason: '', sinceMs: 4000 },
    hosts: [],
    breakers: [],
    machinesLeft: 7,
  }
  assert.equal(
    showSites([site, cloud], 10_000),
    [
      'SITE   HOST  STATE                        NODES  ROOM                             TROUBLE',
      'east         open, big closed for 1m00s   2      -',
      '       h1    open                         2      16 CPUs, 8000 of 64000 MiB free',
      '       h2    drained for 10s (new disks)  0      -',
      '       h3    closed                       0      -                                it does not answer',
      'cloud        drained for 6.0s             2      7 machines',
    ].join('\n'),
  )
})

test('what is left of a place that is being emptied is told in a line', () => {
  assert.equal(leftText('site east', []), 'site east is empty')
  const nodes = Array.from({ length: 7 }, (_, k) => ({ name: `east-${k + 1}`, phase: 'draining' }))
  assert.equal(leftText('site east', nodes.slice(0, 1)), 'site east has 1 node: east-1 draining')
  assert.match(leftText('host h1 of east', nodes), /^host h1 of east has 7 nodes: .*east-5 draining, 2 more$/)
})
