import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { parsePolicyFile } from '../../src/config/policy-file.ts'
import { policyDiff } from '../../src/elastic/policy-diff.ts'

const size = { cpus: 4, memory: '8GiB' }

const base = {
  sites: {
    east: { order: 1, nodes: { maximum: 16, ...size, features: ['a', 'b'] } },
    west: { types: { small: { maximum: 20, ...size }, big: { maximum: 4, ...size } } },
  },
  policy: {
    caps: [
      { user: 'alice', nodes: 4 },
      { queue: 'debug', nodes: 2 },
    ],
    budgets: [{ period: 'day', amount: 50 }],
    placement: [{ queue: 'mpi' }, { feature: 'gpu', sites: ['west', 'east'] }],
    windows: [
      { name: 'nights', cron: '0 20 * * *', for: '10h', set: { sites: { east: { nodes: { maximum: 32 } } } } },
      { name: 'sundays', cron: '0 0 * * sun', for: '1d', set: { caps: [] } },
    ],
  },
}

/** The changes from the base to what `change` makes of it, a line each. */
function diff(change: (copy: typeof base & Record<string, unknown>) => void): string[] {
  const copy = structuredClone(base) as typeof base & Record<string, unknown>
  change(copy)
  const file = (value: object) => parsePolicyFile(stringify(value), 'p.yaml')
  return policyDiff(file(base), file(copy)).map(
    ({ about, key, from, to }) => `${about}${key === null ? '' : `.${key}`}: ${from} -> ${to}`,
  )
}

test('the same policy, said in other words, has no differences', () => {
  assert.deepEqual(
    diff((copy) => {
      copy.policy.caps.reverse()
      copy.sites.east.nodes.features.reverse()
      copy.policy.placement[1]?.sites?.reverse()
      Object.assign(copy.sites.west.types.small, { idle: '300s', memory: '8192MiB', spare: 0 })
      Object.assign(copy.policy, { timezone: 'UTC', retry: { most: '60s' } })
      copy.simulation = { sites: { east: {} } }
    }),
    [],
  )
})

test('changes are told by what they are about, in order', () => {
  assert.deepEqual(
    diff((copy) => {
      Object.assign(copy.sites.east.nodes, { maximum: 18, idle: '90s', memory: '16GiB', lifetime: '1h' })
      Object.assign(copy.sites.west, { order: 7 })
      Object.assign(copy.policy, {
        timezone: 'Asia/Tokyo',
        currency: 'JPY',
        deadlines: { boot: '6m' },
        breaker: { cooldown: '1h' },
        budgets: [{ period: 'day', amount: 60 }],
      })
      Object.assign(copy.policy.placement[1] ?? {}, { spread: 'must-span' })
      Object.assign(copy.policy.windows[1] ?? {}, { for: '12h', set: { caps: [{ user: '*', nodes: 9 }] } })
      copy.simulation = { sites: { east: { boot: '2m', capacity: 3 } } }
    }),
    [
      'breaker.cooldown: 10m -> 1h',
      'budget day.amount: 50 -> 60',
      'deadlines.boot: 5m -> 6m',
      'east standard.maximum: 16 -> 18',
      'east standard.idle: 5m -> 90s',
      'east standard.lifetime: 0s -> 1h',
      'east standard.memory: 8192MiB -> 16384MiB',
      'placement feature gpu.spread: one-site -> must-span',
      'policy.timezone: UTC -> Asia/Tokyo',
      'policy.currency: none -> JPY',
      'simulation east.boot: 90s -> 2m',
      'simulation east.capacity: unlimited -> 3',
      'west big.order: 100 -> 7',
      'west small.order: 100 -> 7',
      'window sundays.for: 1d -> 12h',
      'window sundays.caps: none -> user * 9',
    ],
  )
})

test('what is new, what is gone, and what a window sets or no longer sets', () => {
  assert.deepEqual(
    diff((copy) => {
      copy.policy.caps = [{ user: 'bob', nodes: 4 }]
      Object.assign(copy.policy.windows[0]?.set.sites ?? {}, { east: { nodes: { spare: 2 } } })
      Object.assign(copy.sites, { south: { nodes: { maximum: 1, ...size } } })
      copy.policy.placement.pop()
    }),
    [
      'cap queue debug: nodes 2 -> null',
      'cap user alice: nodes 4 -> null',
      'cap user bob: null -> nodes 4',
      'east standard.nodes: east-1 to east-32 -> east-1 to east-16',
      'placement feature gpu: spread one-site, sites east west -> null',
      'simulation south: null -> boot 90s, spread 1.3, failures 0, capacity unlimited',
      'south standard: null -> order 100, minimum 0, maximum 1, spare 0, idle 5m, lifetime 0s, billing 0s, cost 0, nodes south-1 to south-1, cpus 4, memory 8192MiB, gpus 0, features site-south type-standard',
      'window nights.east standard maximum: 32 -> null',
      'window nights.east standard spare: null -> 2',
    ],
  )
})

test('the order of placement rules and of windows counts', () => {
  assert.deepEqual(
    diff((copy) => {
      copy.policy.placement.reverse()
      copy.policy.windows.reverse()
    }),
    [
      'order of placements: queue mpi, feature gpu -> feature gpu, queue mpi',
      'order of windows: nights, sundays -> sundays, nights',
    ],
  )
})
