import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contradictions } from '../../src/config/contradictions.ts'
import { ControllerConfigSchema } from '../../src/config/controller-schema.ts'
import { parseYaml } from '../../src/config/yaml.ts'
import { machineSpec } from '../../src/elastic/machine-spec.ts'
import { overlayFromNodes } from '../../src/elastic/overlay-from-nodes.ts'
import { noFacts } from '../../src/network/facts.ts'
import { noSnippets } from '../../src/sites/snippets.ts'
import type { NodeRecord, Phase } from '../../src/store/node-record.ts'
import { member } from '../network/sample.ts'

function configText(address: string, driver: string): string {
  return `
cluster: { name: lab, vni: 77, subnet: 10.77.0.0/16 }
head: { name: head, address: 10.77.0.1, underlay: 10.250.0.2 }
scheduler: { kind: slurm }
controller: { listen: "10.77.0.1:8470" }
sites:
  east:
    nodes: { maximum: 3, cpus: 2, memory: 2GiB }
    pool: 10.77.4.0/24
    gateway:
      underlay: 10.250.1.2
      address: ${address}
      ssh: { address: 10.250.1.2, keyFile: /etc/causeway/id, hostKey: ssh-ed25519 AAAA }
    driver: ${driver}
`
}

function load(address = '10.77.0.100') {
  const text = configText(address, '{ kind: namespace, image: /images/base }')
  return parseYaml(text, 'test.yaml', ControllerConfigSchema, contradictions)
}

function node(k: number, phase: Phase, site = 'east'): NodeRecord {
  const times = { beganAtMs: 0, phaseSinceMs: 0, unreachableSinceMs: null, idleSinceMs: null, nextAttemptAtMs: 0 }
  const rest = { address: null, leavingAtMs: null, costPerHour: 0, billingMs: 0, failure: null, attempts: 0, jobs: [] }
  return { id: `0000000${k}`, name: `${site}-${k}`, site, type: 'standard', phase, host: null, ...times, ...rest }
}

test('a node is a member from the time its machine is being made until it is gone', () => {
  const phases: readonly Phase[] = ['planned', 'creating', 'booting', 'ready', 'failed', 'deleting', 'gone']
  for (const phase of phases) {
    const { members } = overlayFromNodes(load(), [node(1, phase)])
    assert.equal(members.length, phase === 'planned' || phase === 'gone' ? 0 : 1, phase)
  }
})

/** The same site with another driver. */
function withDriver(driver: string) {
  return parseYaml(configText('10.77.0.100', driver), 'test.yaml', ControllerConfigSchema, contradictions)
}

test('a node of a pool is behind its site until it is known which host has it, then behind that host', () => {
  const ssh = '{ address: 10.250.1.3, keyFile: /etc/causeway/id, hostKey: ssh-ed25519 AAAA }'
  const h2 = `h2: { ssh: ${ssh}, underlay: 10.250.1.3, address: 10.77.0.101 }`
  const config = withDriver(`{ kind: libvirt, image: golden, hosts: { h1: { gateway: true }, ${h2} } }`)
  const gatewayOf = (host: string | null) =>
    overlayFromNodes(config, [{ ...node(1, 'booting'), host }]).members[0]?.gateway
  assert.deepEqual([null, 'h1', 'h2', 'h1'].map(gatewayOf), ['east', 'east', 'east/h2', 'east'])
  const { gateways } = overlayFromNodes(config, [])
  const further = gateways.find(({ name }) => name === 'east/h2')
  assert.equal(further?.router, '10.77.0.100')
  assert.deepEqual([further?.routes, further?.interception], [false, null])
})

test('a node that no bridge reaches is known by the address that its site gave it', () => {
  const config = withDriver(
    '{ kind: ec2, region: r-1, image: ami-12345678, zones: { r-1a: subnet-12345678 }, securityGroups: [sg-12345678], types: { standard: { instanceTypes: [a.b] } } }',
  )
  const memberAt = (address: string | null) => overlayFromNodes(config, [{ ...node(1, 'booting'), address }]).members[0]
  assert.deepEqual(memberAt(null), { ...member('east-1', '10.77.4.1', 'east', 'cwj77'), via: null })
  assert.deepEqual(memberAt('10.250.1.9'), { ...member('east-1', '10.77.4.1', 'east', 'cwj77'), via: '10.250.1.9' })
  assert.equal(overlayFromNodes(config, []).gateways.find(({ name }) => name === 'east')?.joins, true)
  const spec = machineSpec(config, node(1, 'creating'), {
    token: 't',
    boot: '',
    join: '#!/bin/sh\n',
    role: { program: '', env: {}, files: [] },
    facts: noFacts,
    snippets: () => noSnippets,
  })
  assert.match(spec.seed[0]?.content ?? '', /JOIN_GATEWAY='10\.250\.1\.2'/)
})

test('members come by name, with address, MAC and port; nodes without a place are left out', () => {
  const nodes = [node(2, 'ready'), node(1, 'creating'), node(0, 'ready'), node(1, 'ready', 'west')]
  const { members, gateways } = overlayFromNodes(load(), nodes)
  assert.deepEqual(members, [
    member('east-1', '10.77.4.1', 'east', 'cwp00000001'),
    member('east-2', '10.77.4.2', 'east', 'cwp00000002'),
  ])
  assert.deepEqual(
    gateways.map(({ name, address }) => [name, address]),
    [
      ['head', '10.77.0.1'],
      ['east', '10.77.0.100'],
    ],
  )
})

test('it is the same object while nothing changes, and another when anything does', () => {
  const config = load()
  const first = overlayFromNodes(config, [node(1, 'creating'), node(2, 'ready')])
  assert.equal(overlayFromNodes(config, [node(2, 'draining'), node(1, 'ready'), node(3, 'planned')]), first)
  const fewer = overlayFromNodes(config, [node(1, 'ready')])
  assert.deepEqual(
    fewer.members.map(({ name }) => name),
    ['east-1'],
  )
  const swapped = overlayFromNodes(config, [node(2, 'ready')])
  assert.deepEqual(
    swapped.members.map(({ name }) => name),
    ['east-2'],
  )
  assert.equal(overlayFromNodes(load('10.77.0.101'), [node(2, 'ready')]).gateways[1]?.address, '10.77.0.101')
})

test('each seed knows all names once, its own first', () => {
  const config = load()
  const secrets = {
    token: 't',
    boot: '',
    join: '',
    role: { program: '', env: {}, files: [] },
    facts: noFacts,
    snippets: () => noSnippets,
  }
  const hosts = (k: number) =>
    machineSpec(config, node(k, 'creating'), secrets)
      .seed.find(({ path }) => path === 'hosts')
      ?.content.split('\n')
  const [v4, v6] = ['127.0.0.1 localhost', '::1 localhost']
  const [head, ...east] = ['10.77.0.1 head', '10.77.4.1 east-1', '10.77.4.2 east-2', '10.77.4.3 east-3']
  assert.deepEqual(hosts(2), [v4, v6, head, east[1], east[0], east[2], ''])
  assert.deepEqual(hosts(1), [v4, v6, head, ...east, ''])
  assert.deepEqual(hosts(3), [v4, v6, head, east[2], east[0], east[1], ''])
})
