import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControllerConfig } from '../../src/config/controller-schema.ts'
import { machineSpec } from '../../src/elastic/machine-spec.ts'
import { emptyOverlay } from '../../src/elastic/overlay-from-nodes.ts'
import { noFacts } from '../../src/network/facts.ts'
import { noSnippets } from '../../src/sites/snippets.ts'
import type { NodeRecord } from '../../src/store/node-record.ts'
import { someConfig } from '../support/controller-config.ts'

const parts = {
  token: 't',
  boot: '#!/bin/sh\n',
  join: '',
  role: { program: '#!/bin/sh\n', env: {}, files: [] },
  snippets: () => noSnippets,
  facts: noFacts,
}

const node: NodeRecord = {
  id: '00000000-0000-4000-8000-0000000000e1',
  name: 'east-1',
  site: 'east',
  type: 'standard',
  phase: 'creating',
  beganAtMs: 0,
  phaseSinceMs: 0,
  unreachableSinceMs: null,
  host: null,
  address: null,
  leavingAtMs: null,
  idleSinceMs: null,
  nextAttemptAtMs: 0,
  costPerHour: 0,
  billingMs: 0,
  failure: null,
  attempts: 0,
  jobs: [],
}

/** The configuration with other values in `cluster`. */
function withCluster(change: Partial<ControllerConfig['cluster']>): ControllerConfig {
  const config = someConfig()
  return { ...config, cluster: { ...config.cluster, hosts: { nfs: '10.250.9.7' }, ...change } }
}

function withServices(services: { zone?: string; forwarders: string[] }): ControllerConfig {
  const { overlay } = someConfig().cluster
  return withCluster({ overlay: { ...overlay, services } })
}

/** The text of a file of the node's seed. */
function seedFile(config: ControllerConfig, path: string): string {
  return machineSpec(config, node, parts).seed.find((file) => file.path === path)?.content ?? assert.fail(path)
}

const localhost = '127.0.0.1 localhost\n::1 localhost\n'

test('without services a node knows all names by itself, and is told of no name server', () => {
  const config = withCluster({})
  const names = '10.77.0.1 head\n10.77.1.1 east-1\n10.250.9.7 nfs\n10.77.1.2 east-2\n'
  assert.equal(seedFile(config, 'hosts'), localhost + names)
  assert.doesNotMatch(seedFile(config, 'env'), /NAME_SERVER|ZONE|ADDRESS6|ROUTER6/)
})

test('with services it asks its gateway, and knows by itself what it can not do without', () => {
  const config = withServices({ forwarders: [] })
  assert.equal(seedFile(config, 'hosts'), `${localhost}10.77.0.1 head\n10.77.1.1 east-1\n10.250.9.7 nfs\n`)
  assert.match(seedFile(config, 'env'), /^NAME_SERVER='10\.77\.1\.254'\nZONE='lab\.internal'$/m)
  assert.match(seedFile(withServices({ forwarders: [], zone: 'hpc.example' }), 'env'), /^ZONE='hpc\.example'$/m)
})

test('with an IPv6 subnet it has an address and a router in it', () => {
  const env = seedFile(withCluster({ subnet6: 'fd77::/64' }), 'env')
  assert.match(env, /^ADDRESS6='fd77::a4d:101\/64'\nROUTER6='fd77::a4d:1fe'$/m)
})

test("the services know the head by its name, and the configuration's names", () => {
  const config = withServices({ forwarders: ['9.9.9.9'] })
  const named = { ...config, head: { ...config.head, name: 'master' } }
  assert.deepEqual(emptyOverlay(named).services, {
    zone: 'lab.internal',
    forwarders: ['9.9.9.9'],
    hosts: { master: '10.77.0.1', nfs: '10.250.9.7' },
  })
  const claimed = { ...named, cluster: { ...named.cluster, hosts: { a: '10.1.1.1', master: '10.9.9.9' } } }
  assert.deepEqual(Object.entries(emptyOverlay(claimed).services?.hosts ?? {}), [
    ['master', '10.77.0.1'],
    ['a', '10.1.1.1'],
  ])
})
